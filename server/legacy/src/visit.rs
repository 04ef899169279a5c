//! Request connections: one request each, within limits, then the end.
//!
//! What is no request changes nothing. This file must never know how blocks are sent.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::config::ListAnswer;
use crate::request::{BadRequest, MAX_REQUEST_LEN, Progress, Request};
use crate::service;
use crate::state::{Shared, Visit};
use crate::table::Member;
use crate::{answer, state};

/// The pause after the system gave no connection: it is out of handles, or the caller has gone. A guess.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a caller may take to close after its answer; then the server does. A guess.
const CLOSE_PATIENCE: Duration = Duration::from_millis(250);

/// Takes requests for ever.
pub(crate) async fn serve(shared: &Arc<Shared>, listener: TcpListener) {
    loop {
        // Too many in all wait in the system's own queue: many clients that start together are no attack.
        let place = shared.visitor_place().await;
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(why) => {
                tracing::debug!("no request connection: {why}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let ip = from.ip().to_canonical();
        shared.tally.requests.add(1);
        match shared.visit(ip, place) {
            Some(visit) => {
                tokio::spawn(take(shared.clone(), stream, ip, visit));
            }
            None => {
                shared.tally.requests_over_limit.add(1);
                shared.note(ip, &"too many request connections of one address at once");
                reset(&stream);
            }
        }
    }
}

/// Closing does not wait for anything that is on the way.
fn reset(stream: &TcpStream) {
    if let Err(why) = SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!("a connection is closed in the slow way: {why}");
    }
}

async fn take(shared: Arc<Shared>, mut stream: TcpStream, ip: IpAddr, visit: Visit) {
    let until = Instant::now() + shared.config.request_timeout;
    let request = match timeout_at(until, read(&mut stream)).await {
        Ok(Ok(Ok(request))) => check(&shared, request),
        Ok(Ok(Err(bad))) => Err(bad),
        Ok(Err(why)) => {
            shared.tally.requests_broken.add(1);
            shared.note(ip, &format_args!("a request broke off: {why}"));
            return;
        }
        Err(_) => {
            shared.tally.requests_timed_out.add(1);
            shared.note(ip, &"no whole request came in time");
            reset(&stream);
            return;
        }
    };
    match request {
        Ok(Request::Join(channel)) => join(shared, stream, ip, channel, visit).await,
        Ok(Request::List(channel)) => {
            let text = answer::list(&shared.lock().table.list(channel));
            match shared.config.list_answer {
                ListAnswer::OnRequest => reply(&mut stream, &text, until).await,
                ListAnswer::ConnectBack => {
                    if let Err(why) = shared.caller.answer(ip, text.as_bytes()).await {
                        undelivered(&shared, ip, &why);
                    }
                }
            }
        }
        Ok(Request::Leave(channel)) => {
            if shared.leave(ip, channel) {
                shared.tally.leaves.add(1);
                tracing::debug!(address = %ip, channel, "an old client leaves");
            }
        }
        Ok(Request::Count(channel)) => {
            let text = answer::count(shared.lock().table.count(channel));
            reply(&mut stream, &text, until).await;
        }
        Err(bad) => {
            shared.tally.requests_bad.add(1);
            shared.note(ip, &bad);
            reset(&stream);
        }
    }
}

/// Reads up to the end of a request, and never more than the longest one.
async fn read(stream: &mut TcpStream) -> io::Result<Result<Request, BadRequest>> {
    let mut bytes = [0; MAX_REQUEST_LEN + 1];
    let mut filled = 0;
    loop {
        let more = stream.read(&mut bytes[filled..]).await?;
        filled += more;
        if let Progress::Done(request) = Request::progress(&bytes[..filled], more == 0) {
            return Ok(request);
        }
    }
}

fn check(shared: &Shared, request: Request) -> Result<Request, BadRequest> {
    let channel = request.channel();
    if shared.lock().table.knows(channel) {
        Ok(request)
    } else {
        Err(BadRequest::UnknownChannel(channel))
    }
}

/// Answers on the request connection. Whether anybody reads it is the caller's business.
async fn reply(stream: &mut TcpStream, text: &str, until: Instant) {
    let answering = async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing while something unread is there would take the answer back.
        let mut rest = [0; MAX_REQUEST_LEN];
        let _ = timeout(CLOSE_PATIENCE, stream.read(&mut rest)).await;
        io::Result::Ok(())
    };
    let answered = timeout_at(until + CLOSE_PATIENCE, answering).await;
    if !matches!(answered, Ok(Ok(()))) {
        reset(stream);
    }
}

/// Answers `10X` at the client's own port, then serves the client if it has a place.
async fn join(shared: Arc<Shared>, stream: TcpStream, ip: IpAddr, channel: u8, visit: Visit) {
    let Some(mut place) = shared.join(ip, channel) else {
        match shared.caller.answer(ip, answer::FULL).await {
            Ok(()) => {
                shared.tally.joins_refused.add(1);
                tracing::debug!(address = %ip, channel, "an old client finds the channel full");
            }
            Err(why) => undelivered(&shared, ip, &why),
        }
        return;
    };
    let Some(_served) = tell(&shared, &mut place).await else {
        return;
    };
    if !place.confirm() {
        return;
    }
    shared.tally.joins_accepted.add(1);
    tracing::debug!(address = %ip, channel, "an old client joins");
    drop(stream);
    drop(visit);
    service::run(&shared, place).await;
}

/// Tells a client that it has a place, and gives what its service needs; `None`: it cannot be told, or wants something
/// else by now.
async fn tell(shared: &Shared, place: &mut state::Service) -> Option<OwnedSemaphorePermit> {
    let Member { ip, .. } = place.member;
    let telling = async {
        let served = shared.service_place().await;
        let told = shared.caller.answer(ip, answer::ACCEPTED).await;
        told.map(|()| served)
    };
    let told = tokio::select! {
        told = telling => told,
        _ = place.wish.changed() => return None,
    };
    told.inspect_err(|why| undelivered(shared, ip, why)).ok()
}

fn undelivered(shared: &Shared, ip: IpAddr, why: &io::Error) {
    shared.tally.answers_undelivered.add(1);
    let port = shared.config.client_port;
    shared.note(
        ip,
        &format_args!("an answer cannot be delivered at port {port}: {why}"),
    );
}
