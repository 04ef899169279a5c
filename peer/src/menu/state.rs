//! Where one is in the menus, and what a key does there. Pure.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What is on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Page {
    /// The choices.
    #[default]
    Main,
    /// Who sends to this peer, and whom it sends to.
    Connections,
    /// Files that wait to be shown.
    Pending,
    /// Sums and repairs.
    Statistics,
}

/// The choices of the main menu, with their letters. The last one leaves.
pub(crate) const CHOICES: [(&str, char); 4] = [
    ("List connections", 'c'),
    ("List pending files", 'f'),
    ("Statistics", 's'),
    ("Leave", 'l'),
];

/// What the program must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Leave politely.
    Leave,
    /// Ctrl-C: leave, and the second time at once.
    Interrupt,
}

/// Where one is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Nav {
    /// The page.
    pub(crate) page: Page,
    /// The chosen line of the main menu.
    pub(crate) chosen: usize,
    /// The first line of a list that is on the screen.
    pub(crate) scroll: usize,
    /// Lines of the list that are on the screen, as last drawn.
    pub(crate) height: usize,
}

impl Nav {
    /// Does what the key means.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            let interrupt = matches!(key.code, KeyCode::Char('c' | 'C'));
            return interrupt.then_some(Action::Interrupt);
        }
        let in_main = self.page == Page::Main;
        match key.code {
            KeyCode::Char('q' | 'Q') => return Some(Action::Leave),
            KeyCode::Char(char) => {
                let char = char.to_ascii_lowercase();
                let number = char
                    .to_digit(10)
                    .and_then(|digit| (digit as usize).checked_sub(1));
                let letter = CHOICES.iter().position(|(_, letter)| *letter == char);
                match number.filter(|number| *number < CHOICES.len()).or(letter) {
                    Some(choice) => return self.choose(choice),
                    None if char == 'j' => self.move_by(1),
                    None if char == 'k' => self.move_by(-1),
                    None => {}
                }
            }
            KeyCode::Enter | KeyCode::Right if in_main => return self.choose(self.chosen),
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => self.open(Page::Main),
            KeyCode::Down => self.move_by(1),
            KeyCode::Up => self.move_by(-1),
            KeyCode::PageDown => self.move_by(self.page_len()),
            KeyCode::PageUp => self.move_by(-self.page_len()),
            KeyCode::Home => self.move_by(isize::MIN),
            KeyCode::End => self.move_by(isize::MAX),
            _ => {}
        }
        None
    }

    fn page_len(&self) -> isize {
        isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1)
    }

    fn move_by(&mut self, lines: isize) {
        if self.page == Page::Main {
            self.chosen = self
                .chosen
                .saturating_add_signed(lines)
                .min(CHOICES.len() - 1);
        } else {
            self.scroll = self.scroll.saturating_add_signed(lines);
        }
    }

    fn choose(&mut self, choice: usize) -> Option<Action> {
        self.chosen = choice;
        match choice {
            0 => self.open(Page::Connections),
            1 => self.open(Page::Pending),
            2 => self.open(Page::Statistics),
            _ => return Some(Action::Leave),
        }
        None
    }

    fn open(&mut self, page: Page) {
        (self.page, self.scroll) = (page, 0);
    }

    /// Keeps a list of `lines` lines on the screen, which has room for `height`.
    pub(crate) fn fit(&mut self, lines: usize, height: usize) {
        self.height = height;
        self.scroll = self.scroll.min(lines.saturating_sub(height));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(nav: &mut Nav, codes: &[KeyCode]) -> Option<Action> {
        codes
            .iter()
            .map(|code| nav.key(KeyEvent::from(*code)))
            .last()
            .flatten()
    }

    #[test]
    fn arrows_enter_numbers_and_letters_open_pages_and_esc_goes_back() {
        let mut nav = Nav::default();
        press(&mut nav, &[KeyCode::Down, KeyCode::Enter]);
        assert_eq!(nav.page, Page::Pending);
        press(&mut nav, &[KeyCode::Esc]);
        assert_eq!((nav.page, nav.chosen), (Page::Main, 1));
        press(&mut nav, &[KeyCode::Char('3')]);
        assert_eq!(nav.page, Page::Statistics);
        press(&mut nav, &[KeyCode::Char('c')]);
        assert_eq!(nav.page, Page::Connections);
        press(&mut nav, &[KeyCode::Backspace]);
        assert_eq!(nav.page, Page::Main);
        for strange in [
            KeyCode::Char('0'),
            KeyCode::Char('9'),
            KeyCode::Char('é'),
            KeyCode::F(3),
        ] {
            assert_eq!(press(&mut nav, &[strange]), None);
            assert_eq!(nav.page, Page::Main);
        }
    }

    #[test]
    fn leaving_has_many_keys_and_ctrl_c_is_another_thing() {
        for keys in [
            vec![KeyCode::Char('q')],
            vec![KeyCode::Char('4')],
            vec![KeyCode::Char('L')],
            vec![KeyCode::Up, KeyCode::End, KeyCode::Enter],
            vec![KeyCode::Char('1'), KeyCode::Char('q')],
        ] {
            assert_eq!(
                press(&mut Nav::default(), &keys),
                Some(Action::Leave),
                "{keys:?}"
            );
        }
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(Nav::default().key(ctrl_c), Some(Action::Interrupt));
        let mut released = KeyEvent::from(KeyCode::Char('q'));
        released.kind = KeyEventKind::Release;
        assert_eq!(Nav::default().key(released), None);
    }

    #[test]
    fn a_list_scrolls_within_its_ends() {
        let mut nav = Nav::default();
        press(&mut nav, &[KeyCode::Char('2')]);
        nav.fit(100, 10);
        press(&mut nav, &[KeyCode::PageDown, KeyCode::Down]);
        nav.fit(100, 10);
        assert_eq!(nav.scroll, 10);
        press(&mut nav, &[KeyCode::End]);
        nav.fit(100, 10);
        assert_eq!(nav.scroll, 90);
        press(&mut nav, &[KeyCode::PageUp]);
        assert_eq!(nav.scroll, 81);
        press(&mut nav, &[KeyCode::Home, KeyCode::Up]);
        assert_eq!(nav.scroll, 0);
        nav.scroll = 50;
        nav.fit(3, 10);
        assert_eq!(nav.scroll, 0);
    }
}
