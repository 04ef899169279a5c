//! What happens without being asked for: time runs out, and servers fall silent.

use std::sync::Arc;
use std::time::Duration;

use server_booking::Caller;
use server_booking::expire::{expire, next_expiry};
use tokio::time::{MissedTickBehavior, interval};

use crate::service::{COORDINATOR, Service};

/// How often it is looked whether something is due; bookings begin and end at full minutes.
const LOOK: Duration = Duration::from_millis(500);
/// How often, in looks, the rules are asked even if nothing is due: bookings without a server are tried again. A minute.
const ROUND: u32 = 120;

/// Ends what is over, until it is cancelled. Cancel safe.
pub(crate) async fn keep(service: Arc<Service>) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in 0_u32.. {
        look.tick().await;
        let due = next_expiry(&service.desk.look(), &service.policy)
            .is_some_and(|due| due <= service.desk.now());
        if !due && !count.is_multiple_of(ROUND) {
            continue;
        }
        let rules = Arc::clone(&service);
        let decided = service.desk.decide(move |ledger, now| {
            let actor = COORDINATOR;
            Ok(expire(ledger, &rules.policy, &Caller { now, actor }))
        });
        match decided.await {
            Ok(ended) => {
                for over in ended {
                    if let Some(server) = &over.server {
                        service.links.end(server, over.code, over.why);
                    }
                }
            }
            // The desk has told of it.
            Err(why) => tracing::debug!(%why, "what is over stays for now"),
        }
    }
}
