//! Taking the terminal and giving it back, however the program ends.

use std::io::{self, Stdout};
use std::sync::Once;

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

/// The terminal in our hands. Given back when it is dropped, and when any thread panics.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes it: no echo, keys one by one, another screen than the shell's.
    pub(crate) fn open() -> io::Result<Self> {
        restore_when_panicking();
        take().inspect_err(|_| give_back())?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()));
        Ok(Self {
            terminal: terminal.inspect_err(|_| give_back())?,
        })
    }

    /// Draws what has changed.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Takes it once more, after the process was stopped and somebody else had it, and forgets what was on it.
    pub(crate) fn again(&mut self) -> io::Result<()> {
        // crossterm remembers that the mode is raw, and somebody else may have set another.
        disable_raw_mode()?;
        take()?;
        execute!(io::stdout(), Clear(ClearType::All))?;
        // A new one believes that the screen is empty. (Its own `clear` asks the terminal where the cursor is, and the
        // answer may not come.)
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Hide)
}

/// Nobody can be told when it fails: the terminal is gone.
fn give_back() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

fn restore_when_panicking() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let say = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            say(panic);
        }));
    });
}
