//! One viewer's task: the only owner of its connection. It takes what waits in the inbox, runs the state machines, sends
//! what they give, and sleeps until there is more or a timer is due.
//!
//! It must never wait for anything but its own viewer's needs.

mod channels;
mod silence;

use crate::bridge::Core;
use crate::config::{MAX_CANDIDATES, Terms};
use crate::flow::Flow;
use crate::inbox::{Contents, Order};
use crate::net::Ticket;
use crate::seat::Seat;
use crate::stage::Shared;
use crate::transport::{Event, Feedback, Outgoing, Transport};
use crate::viewer::ViewerEvent;
use silence::Silence;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Who does not connect within this after its description was taken is given up.
const CONNECT: Duration = Duration::from_secs(20);

/// Our offer waits this long for its answer.
const ANSWER: Duration = Duration::from_secs(30);

/// A timer that is due already is looked at again after this at the earliest.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// Nothing to do: look again after this.
const MOST_WAIT: Duration = Duration::from_secs(5);

/// Figures are written down this often, microseconds.
const NOTE_US: u64 = 100_000;

/// See the head of the file.
pub(crate) struct Driver {
    pub(crate) core: Arc<Core>,
    pub(crate) stage: Arc<Shared>,
    pub(crate) seat: Arc<Seat>,
    pub(crate) terms: Terms,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) events: mpsc::Sender<ViewerEvent>,
    _ticket: Ticket,
    flow: Option<Flow>,
    described: bool,
    connected: Option<Instant>,
    give_up: Instant,
    channels: Vec<(usize, Arc<str>)>,
    opened: usize,
    candidates: usize,
    pending: VecDeque<ViewerEvent>,
    contents: Contents,
    outgoing: Vec<Outgoing>,
    /// The connection's next timer; known while nothing happened but media being sent, which moves none.
    deadline: Option<Option<Instant>>,
    /// The connection may have messages that were not taken.
    held: bool,
    rtt_us: u64,
    lost_fraction: f32,
    tcp: bool,
    note_us: u64,
    overflows: u64,
    silence: Silence,
}

impl Driver {
    /// For a connection that has answered (`described`) or offered.
    #[expect(
        clippy::too_many_arguments,
        reason = "each becomes a field, and there is one caller"
    )]
    pub(crate) fn new(
        core: Arc<Core>,
        stage: Arc<Shared>,
        seat: Arc<Seat>,
        terms: Terms,
        transport: Box<dyn Transport>,
        events: mpsc::Sender<ViewerEvent>,
        ticket: Ticket,
        described: bool,
    ) -> Driver {
        let give_up = Instant::now() + if described { CONNECT } else { ANSWER };
        Driver {
            core,
            stage,
            seat,
            terms,
            transport,
            events,
            _ticket: ticket,
            flow: None,
            described,
            connected: None,
            give_up,
            channels: Vec::new(),
            opened: 0,
            candidates: 0,
            pending: VecDeque::new(),
            contents: Contents::default(),
            outgoing: Vec::new(),
            deadline: None,
            held: true,
            rtt_us: 0,
            lost_fraction: 0.0,
            tcp: false,
            note_us: 0,
            overflows: 0,
            silence: Silence::default(),
        }
    }

    /// Until the viewer is gone; why it is.
    pub(crate) async fn run(&mut self) -> String {
        let seat = self.seat.clone();
        let timer = tokio::time::sleep(LEAST_WAIT);
        tokio::pin!(timer);
        loop {
            let now = Instant::now();
            let ended = self.turn(now);
            if !self.outgoing.is_empty()
                && !self.core.net.send(self.seat.id, &mut self.outgoing).await
                && let Some(flow) = &mut self.flow
            {
                // The way out is full: what was dropped would be asked for again, into the same full way.
                flow.overflow();
            }
            if let Some(why) = ended {
                return why;
            }
            let wake = self.wake(now).clamp(now + LEAST_WAIT, now + MOST_WAIT);
            // Moving a timer costs more than looking once too often.
            let set = timer.deadline().into_std();
            if wake < set || set <= now {
                timer.as_mut().reset(wake.into());
            }
            tokio::select! {
                () = seat.inbox.changed() => {}
                () = timer.as_mut() => {}
                room = self.events.reserve(), if !self.pending.is_empty() => {
                    match (room, self.pending.pop_front()) {
                        (Ok(room), Some(event)) => room.send(event),
                        _ => self.pending.clear(),
                    }
                }
            }
        }
    }

    /// Says good-bye.
    pub(crate) async fn finish(&mut self) {
        self.transport.close();
        while let Some(datagram) = self.transport.poll_transmit() {
            self.outgoing.push(datagram);
        }
        self.core.net.send(self.seat.id, &mut self.outgoing).await;
    }

    fn wake(&mut self, now: Instant) -> Instant {
        let mut wake = now + MOST_WAIT;
        let deadline = *self
            .deadline
            .get_or_insert_with(|| self.transport.deadline());
        if let Some(at) = deadline {
            wake = wake.min(at);
        }
        if self.connected.is_some()
            && let Some(flow) = &self.flow
        {
            wake = wake.min(self.core.instant(flow.deadline()));
            if flow.unreported().packets > 0 {
                wake = wake.min(self.core.instant(self.note_us));
            }
        } else {
            wake = wake.min(self.give_up);
        }
        wake
    }

    /// Does everything that can be done now; why it is over, if it is.
    fn turn(&mut self, now: Instant) -> Option<String> {
        let now_us = self.core.since(now);
        let mut contents = std::mem::take(&mut self.contents);
        self.seat.inbox.take(&mut contents);
        let mut ended = contents.close.take();
        let expired = match self.deadline {
            Some(deadline) => deadline.is_some_and(|at| at <= now),
            None => true,
        };
        // Media that is sent moves nothing in the connection but itself.
        let stirred = expired || !contents.orders.is_empty() || !contents.datagrams.is_empty();
        for order in contents.orders.drain(..) {
            self.order(order, now);
        }
        if !contents.datagrams.is_empty() {
            self.silence.heard(now_us);
        }
        for incoming in contents.datagrams.drain(..) {
            self.tcp = incoming.tcp;
            self.transport.receive(incoming, now);
        }
        if stirred {
            self.deadline = None;
            if self.transport.deadline().is_some_and(|at| at <= now) {
                self.transport.expire(now);
            }
            self.feedback(now, now_us);
            while let Some(event) = self.transport.poll_event() {
                let over = self.event(event, now);
                ended = ended.or(over);
            }
        }
        ended = ended.or_else(|| self.messages(stirred, now));
        if self.connected.is_none() && now >= self.give_up {
            ended.get_or_insert_with(|| "the viewer did not connect in time".into());
        }
        self.media(&mut contents, now, now_us);
        self.contents = contents;
        while let Some(datagram) = self.transport.poll_transmit() {
            self.outgoing.push(datagram);
        }
        ended
    }

    fn order(&mut self, order: Order, now: Instant) {
        match order {
            Order::Accept(answer, reply) => {
                let result = if self.described {
                    Err("there is no offer to answer".into())
                } else {
                    self.transport.accept(&answer, now)
                };
                if result.is_ok() {
                    self.described = true;
                    self.give_up = now + CONNECT;
                }
                // Whoever asked may have gone.
                let _ = reply.send(result);
            }
            Order::Candidate(candidate, reply) => {
                self.candidates += 1;
                let result = if self.candidates > MAX_CANDIDATES {
                    Err("too many candidates".into())
                } else {
                    self.transport.add_candidate(&candidate)
                };
                let _ = reply.send(result);
            }
        }
    }

    fn feedback(&mut self, now: Instant, now_us: u64) {
        while let Some(feedback) = self.transport.poll_feedback() {
            let Some(flow) = &mut self.flow else {
                continue;
            };
            match feedback {
                Feedback::Nack { sequences } => flow.again(&sequences, now_us),
                Feedback::Keyframe => flow.keyframe_asked(now_us),
                Feedback::Arrivals(acks) => flow.arrivals(&acks, now_us),
                Feedback::Report {
                    lost_fraction,
                    last_report,
                    since_report,
                } => {
                    self.lost_fraction = lost_fraction;
                    if last_report != 0
                        && let Some(moment) = self.stage.clock.moment(now)
                    {
                        // RFC 3550 section 6.4.1; clocks that disagree give nonsense, which is left out.
                        let middle = (moment.ntp >> 16) as u32;
                        let trip = middle.wrapping_sub(last_report).wrapping_sub(since_report);
                        if trip < 60 << 16 {
                            self.rtt_us = u64::from(trip) * 1_000_000 / 65_536;
                            flow.set_rtt(self.rtt_us);
                        }
                    }
                }
            }
        }
    }

    fn event(&mut self, event: Event, now: Instant) -> Option<String> {
        match event {
            Event::Connected if self.connected.is_none() => {
                let now_us = self.core.since(now);
                self.connected = Some(now);
                self.flow = Some(Flow::new(
                    self.transport.streams(),
                    self.stage.bounds(),
                    now_us,
                ));
                self.seat.known().connected = true;
                self.tell(ViewerEvent::Connected);
                self.stage.decide(now_us, true);
            }
            Event::Connected => {}
            Event::ChannelOpen { channel, label } => return self.opened(channel, label),
            Event::ChannelClosed { channel } => self.closed(channel),
            Event::Closed(why) => return Some(why),
        }
        None
    }

    fn media(&mut self, contents: &mut Contents, now: Instant, now_us: u64) {
        let lost = std::mem::take(&mut contents.lost_frames);
        let Some(flow) = self.flow.as_mut().filter(|_| self.connected.is_some()) else {
            contents.sounds.clear();
            contents.frames.clear();
            return;
        };
        if lost > 0 {
            flow.lost(lost);
        }
        for sound in contents.sounds.drain(..) {
            flow.sound(&sound, self.transport.as_mut(), now, now_us);
        }
        for frame in contents.frames.drain(..) {
            flow.frame(&frame, now_us);
        }
        for rendition in flow.keyframes(now_us).into_iter().flatten() {
            self.stage.ask_keyframe(rendition, now_us);
        }
        let clock = &self.stage.clock;
        flow.run(&|| clock.moment(now), self.transport.as_mut(), now, now_us);
        if now_us >= self.note_us {
            self.note_us = now_us + NOTE_US;
            self.note(now, now_us);
        }
    }

    /// Writes the figures down, lets the stage decide, and reads what this viewer is to get.
    fn note(&mut self, now: Instant, now_us: u64) {
        let Some(flow) = &mut self.flow else {
            return;
        };
        let counts = flow.counts();
        let overflowed = counts.overflows > self.overflows;
        self.overflows = counts.overflows;
        let (estimate_bps, received_bps) = flow.rates();
        let room_bps = flow.room_bps(now_us);
        tracing::trace!(
            viewer = self.seat.id,
            estimate_bps,
            received_bps,
            room_bps,
            ?counts,
            "{}",
            flow.words(now_us)
        );
        let wanted = {
            let mut known = self.seat.known();
            known.overflowed |= overflowed;
            known.room_bps = room_bps;
            let stats = &mut known.stats;
            stats.connected_us = self
                .connected
                .map_or(0, |since| (now - since).as_micros().max(1) as u64);
            (stats.rtt_us, stats.lost_fraction) = (self.rtt_us, self.lost_fraction);
            (stats.estimate_bps, stats.received_bps) = (estimate_bps, received_bps);
            (stats.sent_bytes, stats.sent_packets) = (counts.bytes, counts.packets);
            (stats.frames, stats.dropped_frames) = (counts.frames, counts.dropped_frames);
            (stats.nacks, stats.plis) = (counts.nacks, counts.plis);
            (stats.rendition, stats.tcp) = (flow.rendition(), self.tcp);
            known.wanted
        };
        flow.want(wanted);
        let is_silent = self.silence.begins(flow.unreported(), now_us);
        self.seat.set_takes(|rendition| flow.takes(rendition));
        self.stage.decide(now_us, false);
        // Whoever does not listen needs no more of it.
        if is_silent && self.pending.is_empty() {
            self.tell(ViewerEvent::Silent);
        }
    }
}
