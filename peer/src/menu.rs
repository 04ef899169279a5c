//! The menus in the terminal: a thread of their own reads keys and draws, so that a terminal which hangs never makes the
//! relay wait. What is drawn is a function of a [`view::View`]; what a key does is a function of [`state::Nav`].

mod draw;
#[cfg(test)]
mod sample;
mod state;
mod table;
mod terminal;
mod view;

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event};
use tokio::sync::watch;

use crate::error::PeerError;
use crate::session::{MENU_SAMPLE, Shared, Stop};
use crate::status::Status;
use state::{Action, Nav};
use terminal::Screen;
use view::View;

/// Longest wait for a key before the thread looks whether it is to end.
const KEY_WAIT: Duration = Duration::from_millis(100);
/// How long the terminal may take to be given back.
const END_WAIT: Duration = Duration::from_secs(1);
/// Drawing needs some tens of KB; keys and paths little.
const STACK: usize = 512 * 1024;

/// The running menus.
pub(crate) struct Menus {
    end: Arc<AtomicBool>,
    repaint: Arc<AtomicBool>,
    ended: Mutex<Receiver<()>>,
}

impl Menus {
    /// Draws everything anew.
    pub(crate) fn repaint(&self) {
        self.repaint.store(true, Ordering::Relaxed);
    }

    /// Gives the terminal back. Blocks for at most a second.
    pub(crate) fn end(&self) {
        self.end.store(true, Ordering::Relaxed);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // A terminal that hangs stays as it is.
        let _ = ended.recv_timeout(END_WAIT);
    }
}

/// Takes the terminal and starts the thread, which draws what `show` has.
pub(crate) fn start(shared: Arc<Shared>, show: watch::Receiver<Arc<Status>>) -> io::Result<Menus> {
    let screen = Screen::open()?;
    let (end, repaint) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (done, ended) = sync_channel(1);
    let menus = Menus {
        end: end.clone(),
        repaint: repaint.clone(),
        ended: Mutex::new(ended),
    };
    let thread = Thread {
        shared,
        show,
        end,
        repaint,
        _done: done,
    };
    thread::Builder::new()
        .name("menus".to_owned())
        .stack_size(STACK)
        .spawn(move || thread.run(screen))?;
    Ok(menus)
}

struct Thread {
    shared: Arc<Shared>,
    show: watch::Receiver<Arc<Status>>,
    end: Arc<AtomicBool>,
    repaint: Arc<AtomicBool>,
    /// Dropped at the thread's end, which is how that is noticed.
    _done: SyncSender<()>,
}

impl Thread {
    fn run(self, mut screen: Screen) {
        if let Err(why) = self.show(&mut screen) {
            tracing::error!(%why, "the terminal");
        }
        drop(screen);
        if !self.end.load(Ordering::Relaxed) {
            // Without its menus nobody can see or stop the peer.
            self.shared.stop(Stop::Fail(PeerError::Broken("terminal")));
        }
    }

    fn show(&self, screen: &mut Screen) -> io::Result<()> {
        let mut nav = Nav::default();
        // When the disk was looked at, and whether something has changed since the screen was drawn.
        let (mut looked, mut changed) = (Instant::now(), true);
        let mut pending = self.shared.looker.look();
        while !self.end.load(Ordering::Relaxed) {
            if self.repaint.swap(false, Ordering::Relaxed) {
                screen.again()?;
                changed = true;
            }
            if looked.elapsed() >= MENU_SAMPLE {
                (looked, changed) = (Instant::now(), true);
                pending = self.shared.looker.look();
            }
            if mem::take(&mut changed) {
                let status = self.show.borrow().clone();
                let said = self.shared.notices.latest();
                let view = View::new(&status, &pending, &said, Instant::now());
                screen.draw(|frame| draw::draw(frame, &view, &mut nav))?;
            }
            let wait = MENU_SAMPLE.saturating_sub(looked.elapsed());
            if event::poll(wait.min(KEY_WAIT))? {
                match event::read()? {
                    Event::Key(key) => {
                        match nav.key(key) {
                            Some(Action::Leave) => self.shared.stop(Stop::Leave),
                            Some(Action::Interrupt) => self.shared.stop(Stop::Now),
                            None => {}
                        }
                        changed = true;
                    }
                    Event::Resize(..) => changed = true,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
