//! Sessions and a broadcast in one process: they end together.
//!
//! It must never know what either of them does.

use tokio::sync::watch;

use crate::Failure;

/// How both are told to end.
#[derive(Debug)]
pub(crate) struct Ending(watch::Sender<bool>);

impl Default for Ending {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Ending {
    /// Done when it is time to end. Cancel-safe.
    pub(crate) fn told(&self) -> impl Future<Output = ()> + use<> {
        let mut told = self.0.subscribe();
        async move {
            // The other side is dropped when everything ends.
            let _ = told.wait_for(|end| *end).await;
        }
    }
}

/// Runs both until `over` is done or one of them ends; then tells both to end, and waits for both, who say goodbye at the
/// same time.
///
/// # Errors
/// What `over` says, or else the first of the two that has failed.
pub(crate) async fn both(
    sessions: impl Future<Output = Result<(), Failure>>,
    on_air: impl Future<Output = Result<(), Failure>>,
    over: impl Future<Output = Result<(), Failure>>,
    ending: &Ending,
) -> Result<(), Failure> {
    tokio::pin!(sessions, on_air);
    let (mut served, mut aired) = (None, None);
    let outcome = tokio::select! {
        outcome = over => outcome,
        ended = &mut sessions => {
            served = Some(ended);
            Ok(())
        }
        ended = &mut on_air => {
            aired = Some(ended);
            Ok(())
        }
    };
    ending.0.send_replace(true);
    let (served, aired) = tokio::join!(
        async {
            match served {
                Some(ended) => ended,
                None => sessions.await,
            }
        },
        async {
            match aired {
                Some(ended) => ended,
                None => on_air.await,
            }
        }
    );
    outcome.and(served).and(aired)
}
