//! Output to a terminal in true colour: each character cell shows two picture elements, the upper as the colour of
//! a half block, the lower as its background. The last line tells what is going on. However the program ends, the
//! terminal is left as it was found.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use crossterm::execute;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode, size,
};
use media_ffmpeg::decode::{Picture, Pictures, Scaler};

use super::fit::fit;
use super::{Command, LATE_LIMIT_US, Output, OutputError, Status};

/// How long a key may wait for its effect.
const PATIENCE: Duration = Duration::from_millis(30);

/// Most columns and rows that are drawn: beyond, a terminal takes longer to draw a picture than it is shown.
const MAX_CELLS: (u16, u16) = (320, 100);

/// Lines that are told again when the terminal is restored (a guess at what is read).
const MAX_NOTICES: usize = 50;

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Upper and lower colour of a cell.
type Cell = [u8; 6];

/// See the module.
pub(crate) struct Terminal {
    scaler: Scaler,
    cells: (u16, u16),
    /// What is on the screen; of the size of `cells` without the last line, or empty: unknown.
    drawn: Vec<Cell>,
    status: String,
    notices: Vec<String>,
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// If standard output is none.
    pub(crate) fn open() -> Result<Self, OutputError> {
        if !stdout().is_terminal() {
            return Err(OutputError(
                "standard output is no terminal: use --output null, or run it in one".into(),
            ));
        }
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            earlier(info);
        }));
        let failed = |e: std::io::Error| OutputError(format!("the terminal cannot be used: {e}"));
        enable_raw_mode().map_err(failed)?;
        TAKEN.store(true, Ordering::SeqCst);
        let mut terminal = Self {
            scaler: Scaler::default(),
            cells: (0, 0),
            drawn: Vec::new(),
            status: String::new(),
            notices: Vec::new(),
        };
        execute!(stdout(), EnterAlternateScreen, Hide).map_err(failed)?;
        terminal.measure();
        Ok(terminal)
    }

    fn measure(&mut self) {
        let (columns, rows) = size().unwrap_or((80, 24));
        let cells = (columns.clamp(1, MAX_CELLS.0), rows.clamp(2, MAX_CELLS.1));
        if cells != self.cells {
            self.cells = cells;
            self.drawn.clear();
        }
    }

    fn write(&self, text: &str) -> Result<(), OutputError> {
        let mut out = stdout().lock();
        execute!(out, BeginSynchronizedUpdate)
            .and_then(|()| out.write_all(text.as_bytes()))
            .and_then(|()| execute!(out, EndSynchronizedUpdate))
            .map_err(|e| OutputError(format!("the terminal is gone: {e}")))
    }

    fn status_line(&self) -> String {
        let width = usize::from(self.cells.0);
        let text: String = self.status.chars().take(width).collect();
        format!("\x1b[{};1H\x1b[0;7m{text:width$}\x1b[0m", self.cells.1)
    }
}

/// The cells of a picture of `width` x `2 * rows` elements in a space of `columns` x `rows` cells, black around.
fn cells_of(
    scaler: &mut Scaler,
    picture: &Picture,
    columns: u16,
    rows: u16,
) -> Result<Vec<Cell>, OutputError> {
    let (columns, lines) = (u32::from(columns), u32::from(rows) * 2);
    let place = fit(picture.display_aspect(), columns, lines);
    let rgb = scaler
        .rgb(picture, place.width, place.height)
        .map_err(|e| OutputError(e.to_string()))?;
    let element = |x: u32, y: u32| -> [u8; 3] {
        let inside = (place.x..place.x + place.width).contains(&x)
            && (place.y..place.y + place.height).contains(&y);
        if !inside {
            return [0; 3];
        }
        let at = (y - place.y) as usize * rgb.stride + (x - place.x) as usize * 3;
        match rgb.bytes.get(at..at + 3) {
            Some(&[r, g, b]) => [r, g, b],
            _ => [0; 3],
        }
    };
    let mut cells = Vec::with_capacity((columns * lines / 2) as usize);
    for row in 0..lines / 2 {
        for column in 0..columns {
            let ([a, b, c], [d, e, f]) = (element(column, 2 * row), element(column, 2 * row + 1));
            cells.push([a, b, c, d, e, f]);
        }
    }
    Ok(cells)
}

/// The escape sequences that turn the screen from `old` into `new`; all of it where `old` has another size.
fn difference(old: &[Cell], new: &[Cell], columns: usize) -> String {
    let mut text = String::new();
    let (mut upper, mut lower): (Option<&[u8]>, Option<&[u8]>) = (None, None);
    let mut at: Option<usize> = None;
    for (i, cell) in new.iter().enumerate() {
        if old.len() == new.len() && old[i] == *cell {
            continue;
        }
        // Writing to a string cannot fail.
        if at != Some(i) || i % columns == 0 {
            let _ = write!(text, "\x1b[{};{}H", i / columns + 1, i % columns + 1);
        }
        let (up, down) = cell.split_at(3);
        if upper != Some(up) {
            let _ = write!(text, "\x1b[38;2;{};{};{}m", up[0], up[1], up[2]);
            upper = Some(up);
        }
        if lower != Some(down) {
            let _ = write!(text, "\x1b[48;2;{};{};{}m", down[0], down[1], down[2]);
            lower = Some(down);
        }
        text.push('\u{2580}');
        at = Some(i + 1);
    }
    if !text.is_empty() {
        text.push_str("\x1b[0m");
    }
    text
}

impl Output for Terminal {
    fn pictures(&self) -> Pictures {
        Pictures::AsDecoded
    }

    fn late_limit_us(&self) -> Option<i64> {
        Some(LATE_LIMIT_US)
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn show(&mut self, picture: &Picture) -> Result<(), OutputError> {
        self.measure();
        let (columns, rows) = (self.cells.0, self.cells.1 - 1);
        let cells = cells_of(&mut self.scaler, picture, columns, rows)?;
        let mut text = String::new();
        let anew = self.drawn.len() != cells.len();
        if anew {
            text.push_str("\x1b[2J");
        }
        text.push_str(&difference(&self.drawn, &cells, usize::from(columns)));
        if anew {
            text.push_str(&self.status_line());
        }
        self.drawn = cells;
        self.write(&text)
    }

    fn status(&mut self, status: &Status) {
        let chunk = if status.chunk.is_empty() {
            "no chunk yet"
        } else {
            &status.chunk
        };
        self.status = format!(
            " {chunk}  {}  {} waiting  {} missing  {} stalls  {} dropped   space: pause  q: quit",
            status.state, status.waiting, status.missing, status.stalls, status.dropped
        );
        self.measure();
        // If the terminal is gone, the next picture tells.
        let _ = self.write(&self.status_line());
    }

    fn notice(&mut self, line: &str) {
        if self.notices.len() == MAX_NOTICES {
            self.notices.remove(0);
        }
        self.notices.push(line.to_owned());
        self.status = format!(" {line}");
        let _ = self.write(&self.status_line());
    }

    fn commands(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        while poll(Duration::ZERO).unwrap_or(false) {
            let Ok(event) = read() else { break };
            let Event::Key(key) = event else { continue };
            if key.kind != KeyEventKind::Press {
                continue;
            }
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                KeyCode::Char('c') if control => commands.push(Command::Quit),
                _ if control => {}
                KeyCode::Char('q') | KeyCode::Esc => commands.push(Command::Quit),
                KeyCode::Char(' ') => commands.push(Command::TogglePause),
                _ => {}
            }
        }
        commands
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
        for line in &self.notices {
            eprintln!("player: {line}");
        }
    }
}

/// Gives the terminal back, once.
fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Nothing can be done about a terminal that takes no more.
        let _ = execute!(stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED_BLUE: Cell = [255, 0, 0, 0, 0, 255];
    const BLACK: Cell = [0; 6];

    #[test]
    fn only_cells_that_changed_are_drawn() {
        let old = vec![BLACK; 6];
        let mut new = old.clone();
        assert_eq!(difference(&old, &new, 3), "");
        new[4] = RED_BLUE;
        let text = difference(&old, &new, 3);
        assert_eq!(
            text,
            "\x1b[2;2H\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m\u{2580}\x1b[0m"
        );
    }

    #[test]
    fn a_screen_of_another_size_is_drawn_whole_and_colours_are_not_repeated() {
        let text = difference(&[], &[RED_BLUE; 4], 2);
        assert_eq!(text.matches('\u{2580}').count(), 4);
        assert_eq!(text.matches("38;2").count(), 1);
        assert!(text.contains("\x1b[1;1H") && text.contains("\x1b[2;1H"));
    }
}
