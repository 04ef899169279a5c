//! Between the words of the wire and those of the rules.
//!
//! What the rules hold came in through the wire or a file, and a file's names may be longer than the wire's: such an
//! entry is left out of an answer, or cut where it is only for people.

use server_booking::model::{Application, Code, EndReason, SessionServer, UnixSeconds};
use server_wire::{
    ApplicationName, ConnectionData, EndWord, Host, LongText, Port, ServerEntry, ServerName, Token,
    Url,
};

pub(crate) fn code(code: server_wire::Code) -> Code {
    Code::new(code.number()).expect("both have 10,000")
}

pub(crate) fn wire_code(code: Code) -> server_wire::Code {
    server_wire::Code::new(code.number()).expect("both have 10,000")
}

pub(crate) fn wire_seconds(at: UnixSeconds) -> server_wire::UnixSeconds {
    server_wire::UnixSeconds(at.0)
}

/// Where a session's page is.
pub(crate) fn page(address: &(String, u16), code: Code) -> String {
    format!("{}session/{code}", url(address))
}

/// Where a session server is.
pub(crate) fn url((host, port): &(String, u16)) -> String {
    // An IPv6 address has colons of its own (RFC 3986, section 3.2.2).
    if host.contains(':') {
        format!("https://[{host}]:{port}/")
    } else {
        format!("https://{host}:{port}/")
    }
}

/// None if a session server said a host or a port that is none.
pub(crate) fn connection_data(
    address: &(String, u16),
    code: Code,
    token: Option<&Token>,
    ends_at: UnixSeconds,
) -> Option<ConnectionData> {
    Some(ConnectionData {
        ip: Host::new(&address.0).ok()?,
        port: Port::new(address.1)?,
        code: Some(wire_code(code)),
        token: token.cloned(),
        url: Url::new(&page(address, code)).ok(),
        ends_at: Some(wire_seconds(ends_at)),
    })
}

/// One line of the list of servers; none if a name does not fit the wire.
pub(crate) fn entry(
    number: u32,
    server: &SessionServer,
    name: &str,
    application: Option<&Application>,
) -> Option<ServerEntry> {
    let texts = application.map(|known| &known.description);
    let deskription = texts.into_iter().flatten();
    Some(ServerEntry {
        number: Some(number),
        server_name: ServerName::new(&server.id.0).ok()?,
        ip: Host::new(&server.host).ok()?,
        port: Port::new(server.port)?,
        rc_name: ApplicationName::new(name).ok()?,
        deskription: deskription
            .map(|(language, text)| (language.clone(), LongText::cut(text)))
            .collect(),
    })
}

pub(crate) fn end_word(why: EndReason) -> EndWord {
    match why {
        EndReason::TimeOver => EndWord::TimeOver,
        EndReason::Empty => EndWord::Empty,
        EndReason::Idle => EndWord::Idle,
        EndReason::Operator => EndWord::Operator,
        EndReason::Cancelled => EndWord::Cancelled,
        EndReason::Unused => EndWord::Unused,
        EndReason::NotStarted => EndWord::NotStarted,
        EndReason::ServerLost => EndWord::ServerLost,
        EndReason::ApplicationEnded => EndWord::ApplicationEnded,
    }
}

pub(crate) fn end_reason(word: EndWord) -> EndReason {
    match word {
        EndWord::TimeOver => EndReason::TimeOver,
        EndWord::Empty => EndReason::Empty,
        EndWord::Idle => EndReason::Idle,
        EndWord::Operator => EndReason::Operator,
        EndWord::Cancelled => EndReason::Cancelled,
        EndWord::Unused => EndReason::Unused,
        EndWord::NotStarted => EndReason::NotStarted,
        EndWord::ServerLost => EndReason::ServerLost,
        EndWord::ApplicationEnded => EndReason::ApplicationEnded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_version_6_is_bracketed() {
        assert_eq!(url(&("::1".to_owned(), 9)), "https://[::1]:9/");
        assert_eq!(url(&("a.example".to_owned(), 9)), "https://a.example:9/");
    }
}
