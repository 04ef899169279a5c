//! One session server as clients are shown it: the entry of `servers.json`, with its odd names.

use std::collections::BTreeMap;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::number::Port;
use crate::text::{ApplicationName, Host, LongText, ServerName};

/// The key of the name, with or without a trailing number.
const NAME_KEY: &str = "server_name";

/// `{"server_name1": "...", "ip": "...", "port": "111", "rc_info": {"rc_name": "...", "info": {"deskription":
/// [{"en": "..."}, {"ru": "..."}]}}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEntry {
    /// The number at the end of the name's key; none: the key is `server_name`.
    pub number: Option<u32>,
    /// The server.
    pub server_name: ServerName,
    /// Where users reach it.
    pub ip: Host,
    /// The port there.
    pub port: Port,
    /// What it runs.
    pub rc_name: ApplicationName,
    /// What people read about that, by language.
    pub deskription: BTreeMap<String, LongText>,
}

#[derive(Serialize)]
struct RcInfo<'a> {
    rc_name: &'a ApplicationName,
    info: Info<'a>,
}

#[derive(Serialize)]
struct Info<'a> {
    deskription: Vec<BTreeMap<&'a str, &'a LongText>>,
}

impl Serialize for ServerEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name_key = match self.number {
            Some(number) => format!("{NAME_KEY}{number}"),
            None => NAME_KEY.to_owned(),
        };
        let each = |(language, text)| BTreeMap::from([(String::as_str(language), text)]);
        let deskription = self.deskription.iter().map(each).collect();
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry(&name_key, &self.server_name)?;
        map.serialize_entry("ip", &self.ip)?;
        map.serialize_entry("port", &self.port)?;
        map.serialize_entry(
            "rc_info",
            &RcInfo {
                rc_name: &self.rc_name,
                info: Info { deskription },
            },
        )?;
        map.end()
    }
}

#[derive(serde::Deserialize)]
struct Fields {
    ip: Host,
    port: Port,
    rc_info: ReadRcInfo,
}

#[derive(serde::Deserialize)]
struct ReadRcInfo {
    rc_name: ApplicationName,
    #[serde(default)]
    info: ReadInfo,
}

#[derive(Default, serde::Deserialize)]
struct ReadInfo {
    #[serde(default, alias = "description")]
    deskription: Vec<BTreeMap<String, LongText>>,
}

impl<'de> Deserialize<'de> for ServerEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::<String, Value>::deserialize(deserializer)?;
        let named = map.iter().find_map(|(key, value)| {
            let number = key.strip_prefix(NAME_KEY)?;
            let plain = number.bytes().all(|byte| byte.is_ascii_digit());
            (plain && number.len() <= 9).then(|| (number.parse().ok(), value.clone()))
        });
        let (number, name) = named.ok_or_else(|| {
            de::Error::custom("server_name, with or without a number, is missing")
        })?;
        let server_name = serde_json::from_value(name).map_err(de::Error::custom)?;
        let fields: Fields =
            serde_json::from_value(Value::Object(map)).map_err(de::Error::custom)?;
        let texts = fields.rc_info.info.deskription;
        Ok(Self {
            number,
            server_name,
            ip: fields.ip,
            port: fields.port,
            rc_name: fields.rc_info.rc_name,
            deskription: texts.into_iter().flatten().collect(),
        })
    }
}
