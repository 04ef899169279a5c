//! `server nginx-config`: the site of an NGINX in front of coordinator and session servers. Pure text.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What the configuration is made for.
#[derive(Debug, clap::Args)]
pub(crate) struct NginxArgs {
    /// The name by which people reach the site
    #[arg(long, value_name = "NAME", value_parser = server_name)]
    name: String,
    /// Where NGINX listens: a port, or ADDR:PORT
    #[arg(long, value_name = "ADDR", default_value = "443", value_parser = listen)]
    listen: String,
    /// The certificate that NGINX shows, PEM
    #[arg(long, value_name = "FILE", value_parser = path)]
    certificate: PathBuf,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", value_parser = path)]
    key: PathBuf,
    /// A coordinator; may be repeated when several work on one database
    #[arg(long, value_name = "IP:PORT", default_values = ["127.0.0.1:8443"])]
    coordinator: Vec<SocketAddr>,
    /// The coordinators' certificate, PEM, against which theirs are checked [default: it is not checked]
    #[arg(long, value_name = "FILE", value_parser = path)]
    coordinator_certificate: Option<PathBuf>,
    /// A session server's users' WebSockets under /session/NAME/, for scripts; may be repeated
    #[arg(long, value_name = "NAME=IP:PORT", value_parser = session)]
    session: Vec<(String, SocketAddr)>,
    /// A session server under a host name of its own, pages and all; its configuration says "advertise": "HOST:443".
    /// The certificate has to be good for it too; may be repeated
    #[arg(long, value_name = "HOST=IP:PORT", value_parser = session_host)]
    session_host: Vec<(String, SocketAddr)>,
}

/// What both kinds of servers begin with: how it is reached, and what is passed on.
const PASSED_ON: [&str; 11] = [
    "    ssl_protocols TLSv1.2 TLSv1.3;",
    "    server_tokens off;",
    "    proxy_http_version 1.1;",
    "    proxy_set_header Host $http_host;",
    "    proxy_set_header Upgrade $http_upgrade;",
    "    proxy_set_header Connection $treecast_connection;",
    "    proxy_set_header X-Forwarded-Proto https;",
    "    # WebSockets are pinged every 25 s when nothing is said.",
    "    proxy_read_timeout 90s;",
    "    proxy_send_timeout 90s;",
    "    proxy_buffering off;",
];

/// The text of the file, for `sites-enabled`.
pub(crate) fn config(args: &NginxArgs) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let mut line = |text: &str| {
        let _ = writeln!(out, "{text}");
    };
    line("# Made by `server nginx-config`; belongs into the http part of NGINX.");
    line("map $http_upgrade $treecast_connection {");
    line("    default upgrade;");
    line("    ''      '';");
    line("}");
    line("");
    line("upstream treecast_coordinator {");
    for address in &args.coordinator {
        line(&format!("    server {address};"));
    }
    line("    keepalive 16;");
    line("}");
    line("");
    let reached_as = |name: &str| {
        let names = [
            "server {".to_owned(),
            format!("    listen {} ssl;", args.listen),
            format!("    server_name {name};"),
            format!("    ssl_certificate {};", args.certificate.display()),
            format!("    ssl_certificate_key {};", args.key.display()),
        ];
        names
            .into_iter()
            .chain(PASSED_ON.map(str::to_owned))
            .collect::<Vec<_>>()
    };
    for text in reached_as(&args.name) {
        line(&text);
    }
    line("    client_max_body_size 64k;");
    line(
        "    # Only the address that NGINX itself saw; the coordinator believes it from --trusted-proxy.",
    );
    line("    proxy_set_header X-Forwarded-For $remote_addr;");
    line("");
    line("    # The site, the HTTP API, and the verbs over WebSocket on any path.");
    line("    location / {");
    line("        proxy_pass https://treecast_coordinator;");
    if let Some(certificate) = &args.coordinator_certificate {
        line("        proxy_ssl_verify on;");
        line("        proxy_ssl_name localhost;");
        line("        proxy_ssl_server_name on;");
        line(&format!(
            "        proxy_ssl_trusted_certificate {};",
            certificate.display()
        ));
    }
    line("    }");
    line("");
    line("    # For the operator's own network only.");
    line("    location = /metrics {");
    line("        allow 127.0.0.1;");
    line("        allow ::1;");
    line("        deny all;");
    line("        proxy_pass https://treecast_coordinator;");
    line("    }");
    for (name, address) in &args.session {
        line("");
        line(&format!("    # Sessions of {name}: its users' WebSockets."));
        line(&format!("    location /session/{name}/ {{"));
        line(&format!("        proxy_pass https://{address}/;"));
        line("    }");
    }
    line("}");
    for (host, address) in &args.session_host {
        line("");
        line("# A session server: its pages, and its users' WebSockets.");
        for text in reached_as(host) {
            line(&text);
        }
        // An offer of a WHEP player, which is the largest body.
        line("    client_max_body_size 128k;");
        line("");
        line("    location / {");
        line(&format!("        proxy_pass https://{address};"));
        line("    }");
        line("}");
    }
    out
}

/// What NGINX takes for a word in its configuration: nothing that ends one.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':' | '[' | ']'))
}

fn server_name(text: &str) -> Result<String, String> {
    if is_plain(text) && !text.contains(['/', ':']) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no host name, such as example.org"))
    }
}

fn listen(text: &str) -> Result<String, String> {
    let good = text.parse::<u16>().is_ok_and(|port| port > 0) || text.parse::<SocketAddr>().is_ok();
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is neither a port nor IP:PORT"))
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    if is_plain(text) {
        std::path::absolute(text).map_err(|why| why.to_string())
    } else {
        Err(format!(
            "{text:?} has characters that NGINX does not take in a path"
        ))
    }
}

fn session(text: &str) -> Result<(String, SocketAddr), String> {
    let wrong = || format!("{text:?} is not NAME=IP:PORT");
    let (name, address) = text.split_once('=').ok_or_else(wrong)?;
    let good = is_plain(name) && !name.contains(['/', ':', '[', ']']);
    let address = address.parse().map_err(|_| wrong())?;
    good.then(|| (name.to_owned(), address)).ok_or_else(wrong)
}

fn session_host(text: &str) -> Result<(String, SocketAddr), String> {
    let wrong = || format!("{text:?} is not HOST=IP:PORT, such as left.example.org=127.0.0.1:1111");
    let (host, address) = text.split_once('=').ok_or_else(wrong)?;
    let host = server_name(host).map_err(|_| wrong())?;
    Ok((host, address.parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: NginxArgs,
    }

    #[test]
    fn a_session_server_has_a_host_of_its_own() {
        let line = [
            "nginx-config",
            "--name=example.org",
            "--certificate=/a.crt",
            "--key=/a.key",
            "--session-host=left.example.org=127.0.0.1:1111",
        ];
        let Line { args } = clap::Parser::try_parse_from(line).expect("it is right");
        let text = config(&args);
        let (site, sessions) = text
            .split_once("server_name left.example.org;")
            .expect("it is there");
        assert!(site.contains("server_name example.org;"), "{text}");
        assert!(
            sessions.contains("location / {\n        proxy_pass https://127.0.0.1:1111;\n"),
            "{text}"
        );
        // What a visitor claims to be is not passed on as if NGINX had seen it.
        assert!(!sessions.contains("X-Forwarded-For"), "{text}");
        let opened = text.matches('{').count();
        assert_eq!(opened, text.matches('}').count(), "{text}");
    }

    #[test]
    fn what_would_break_out_of_its_place_is_refused() {
        for text in ["", "a b", "a;b", "a{", "a\"", "a\n", "a#", "a$b", "a/b"] {
            assert!(server_name(text).is_err(), "{text:?}");
        }
        for text in ["", "0", "65536", "x", "1;", "127.0.0.1"] {
            assert!(listen(text).is_err(), "{text:?}");
        }
        for text in ["", "a;b", "a b", "a{b}"] {
            assert!(path(text).is_err(), "{text:?}");
        }
        for text in ["x", "x=1", "x/y=127.0.0.1:1", "=127.0.0.1:1"] {
            assert!(session(text).is_err(), "{text:?}");
            assert!(session_host(text).is_err(), "{text:?}");
        }
    }
}
