//! A view onto the cells of a terminal of any size. A pure function; small windows lose the least important lines.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::state::{Nav, Page};
use super::view::View;

/// From this height on there are all lines; below, only the page, the first line and the keys.
const ROOMY: u16 = 9;
/// Below this there is only the page.
const TIGHT: u16 = 4;

/// Draws a view; keeps the list that one looks at within its ends.
pub(crate) fn draw(frame: &mut Frame<'_>, view: &View<'_>, nav: &mut Nav) {
    let area = frame.area();
    let (width, height) = (usize::from(area.width), area.height);
    let content = view.content(nav.page, width.saturating_sub(2));
    let plain = Style::default();
    let bold = plain.add_modifier(Modifier::BOLD);
    let dim = plain.add_modifier(Modifier::DIM);

    let [first, second] = view.header();
    let mut top = Vec::new();
    if height >= TIGHT {
        top.push(Line::styled(cut(&first, width), bold.fg(Color::Cyan)));
    }
    if height >= ROOMY {
        top.push(Line::styled(cut(&second, width), plain));
        let rule = "\u{2500}".repeat(width.saturating_sub(content.title.chars().count() + 4));
        top.push(Line::from(vec![
            Span::styled("\u{2500} ", dim),
            Span::styled(content.title, bold),
            Span::styled(format!(" {rule}\u{2500}"), dim),
        ]));
    }
    if !content.head.is_empty() && height >= TIGHT {
        top.push(Line::styled(format!("  {}", content.head), dim));
    }
    let mut bottom = Vec::new();
    if height >= ROOMY {
        bottom.push(match view.event() {
            Some((words, true)) => Line::styled(cut(&words, width), bold.fg(Color::Yellow)),
            Some((words, false)) => Line::styled(cut(&words, width), plain),
            None => Line::default(),
        });
    }
    if height >= TIGHT {
        let keys = format!("{:<width$}", cut(View::keys(nav.page, width), width));
        bottom.push(Line::styled(keys, plain.add_modifier(Modifier::REVERSED)));
    }

    let room = usize::from(height).saturating_sub(top.len() + bottom.len());
    nav.fit(content.lines.len(), room);
    let chosen = (nav.page == Page::Main).then_some(nav.chosen);
    let first = chosen.map_or(nav.scroll, |chosen| (chosen + 1).saturating_sub(room));
    let more = content.lines.len() > first + room;
    let body = content
        .lines
        .iter()
        .enumerate()
        .skip(first)
        .take(room)
        .map(|(index, line)| {
            let last = index + 1 == first + room;
            let mark = match chosen {
                Some(chosen) if chosen == index => "> ",
                None if last && more => "v ",
                None if index == first && first > 0 => "^ ",
                _ => "  ",
            };
            let style = if chosen == Some(index) { bold } else { plain };
            Line::styled(cut(&format!("{mark}{line}"), width), style)
        });
    let body: Vec<Line<'_>> = body.collect();

    let rows = [top.len(), room, bottom.len()].map(|rows| u16::try_from(rows).unwrap_or(u16::MAX));
    let mut y = area.y;
    for (lines, rows) in [top, body, bottom].into_iter().zip(rows) {
        let part = Rect {
            y,
            height: rows,
            ..area
        }
        .intersection(area);
        frame.render_widget(Paragraph::new(lines), part);
        y = y.saturating_add(rows);
    }
}

fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::sample;
    use super::*;
    use crate::pending::Pending;
    use crate::status::Status;

    /// What is on a screen of this size, without what is blank at the ends.
    fn screen(
        width: u16,
        height: u16,
        nav: &mut Nav,
        status: &Status,
        pending: &Pending,
    ) -> String {
        let now = Instant::now();
        let said = sample::said(now);
        let view = View::new(status, pending, &said, now);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory");
        terminal
            .draw(|frame| draw(frame, &view, nav))
            .expect("drawn");
        let buffer = terminal.backend().buffer();
        let row = |y| {
            let cells = (0..width).map(|x| buffer[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned() + "\n"
        };
        (0..height).map(row).collect()
    }

    fn page(page: Page, width: u16, height: u16) -> String {
        let mut nav = Nav {
            page,
            ..Nav::default()
        };
        screen(
            width,
            height,
            &mut nav,
            &sample::status(),
            &sample::pending(30),
        )
    }

    #[test]
    fn the_main_menu() {
        let expected = include_str!("pictures/main.txt");
        assert_eq!(page(Page::Main, 80, 12), expected);
    }

    #[test]
    fn the_connections_per_stripe_in_both_directions() {
        let expected = include_str!("pictures/connections.txt");
        assert_eq!(page(Page::Connections, 80, 18), expected);
    }

    #[test]
    fn the_files_that_wait_scroll() {
        let expected = include_str!("pictures/pending.txt");
        assert_eq!(page(Page::Pending, 80, 14), expected);
        let mut nav = Nav {
            page: Page::Pending,
            scroll: usize::MAX,
            ..Nav::default()
        };
        let end = screen(80, 14, &mut nav, &sample::status(), &sample::pending(30));
        assert!(
            end.contains("^ film_00022.mkv") && end.contains("film_00029.mkv"),
            "{end}"
        );
        assert_eq!(nav.scroll, 22);
    }

    #[test]
    fn the_statistics() {
        let expected = include_str!("pictures/statistics.txt");
        assert_eq!(page(Page::Statistics, 80, 17), expected);
    }

    #[test]
    fn a_window_of_any_size_shows_what_it_can() {
        for kind in [
            Page::Main,
            Page::Connections,
            Page::Pending,
            Page::Statistics,
        ] {
            for (width, height) in [(1, 1), (3, 40), (200, 2), (20, 5), (39, 9), (300, 100)] {
                page(kind, width, height);
            }
        }
        let tiny = page(Page::Main, 24, 5);
        assert!(
            tiny.contains("> 1  List connections") && tiny.contains("q leave"),
            "{tiny}"
        );
        let mut nav = Nav {
            chosen: 3,
            ..Nav::default()
        };
        let two = screen(24, 2, &mut nav, &sample::status(), &sample::pending(1));
        assert!(
            two.contains("> 4  Leave"),
            "what is chosen is always seen: {two}"
        );
    }

    #[test]
    fn a_peer_that_knows_nothing_yet_has_menus_too() {
        let (status, pending) = (Status::default(), Pending::default());
        for kind in [
            Page::Main,
            Page::Connections,
            Page::Pending,
            Page::Statistics,
        ] {
            let mut nav = Nav {
                page: kind,
                ..Nav::default()
            };
            assert!(screen(80, 24, &mut nav, &status, &pending).contains("joining"));
        }
    }

    #[test]
    fn the_head_below_an_old_server_shows_whom_it_takes_the_blocks_from() {
        let mut status = sample::status();
        status.stripes.iter_mut().for_each(|s| s.parent = None);
        status.legacy = Some(crate::status::Legacy {
            server: "192.0.2.1:6060".to_owned(),
            head: true,
            blocks: 12,
            bytes: 2_400_000,
        });
        let show = |page| {
            let mut nav = Nav {
                page,
                ..Nav::default()
            };
            screen(80, 24, &mut nav, &status, &Pending::default())
        };
        assert!(show(Page::Main).contains("12 blocks from 192.0.2.1:6060"));
        let connections = show(Page::Connections);
        assert!(connections.contains("192.0.2.1:6060"), "{connections}");
        assert!(connections.contains("2.40 MB  old server"), "{connections}");
        assert!(!connections.contains("looking"), "{connections}");
        assert!(connections.contains("receiving from 1,"), "{connections}");
    }

    #[test]
    fn a_full_disk_is_on_every_page() {
        let mut status = sample::status();
        status.chunks.disk_full = true;
        for kind in [Page::Main, Page::Statistics] {
            let mut nav = Nav {
                page: kind,
                ..Nav::default()
            };
            assert!(
                screen(80, 24, &mut nav, &status, &Pending::default()).contains("disk is full")
            );
        }
    }
}
