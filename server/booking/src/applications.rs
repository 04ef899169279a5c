//! Applications: what can be started and booked.

use std::collections::BTreeMap;

use crate::decision::{Caller, Decision, Refusal};
use crate::ledger::Ledger;
use crate::limits::{
    MAX_APPLICATIONS, MAX_LANGUAGES, MAX_PICTURE_BYTES, MAX_TEXT_BYTES, check_name,
};
use crate::model::{Application, Change};

/// Adds or alters an application.
///
/// # Errors
/// [`Refusal::BadRequest`] for texts out of bounds, or when there are too many.
pub fn put_application(
    ledger: &Ledger,
    caller: &Caller,
    application: &Application,
) -> Result<Decision<()>, Refusal> {
    check_application_texts(application)?;
    let known = &ledger.world().applications;
    let old = known.get(&application.name);
    if old == Some(application) {
        return Ok(Decision {
            changes: Vec::new(),
            answer: (),
        });
    }
    if old.is_none() && known.len() >= MAX_APPLICATIONS {
        return Err(Refusal::bad(format!(
            "there are {MAX_APPLICATIONS} applications already: remove one first"
        )));
    }
    let action = if old.is_some() {
        "application_altered"
    } else {
        "application_added"
    };
    Ok(Decision {
        changes: vec![
            Change::PutApplication(application.clone()),
            caller.audit(action, &application.name, ""),
        ],
        answer: (),
    })
}

/// Offers an application no longer. What is booked or runs stays.
///
/// # Errors
/// [`Refusal::NotExist`].
pub fn remove_application(
    ledger: &Ledger,
    caller: &Caller,
    name: &str,
) -> Result<Decision<()>, Refusal> {
    if !ledger.world().applications.contains_key(name) {
        return Err(Refusal::NotExist);
    }
    Ok(Decision {
        changes: vec![
            Change::RemoveApplication(name.to_owned()),
            caller.audit("application_removed", name, ""),
        ],
        answer: (),
    })
}

/// Refuses names and texts that are out of bounds.
pub(crate) fn check_application_texts(application: &Application) -> Result<(), Refusal> {
    check_name("the application's name", &application.name)?;
    for (what, texts) in [
        ("title", &application.title),
        ("description", &application.description),
    ] {
        check_texts(&application.name, what, texts)?;
    }
    let picture = application.picture.as_deref().unwrap_or_default();
    if picture.len() > MAX_PICTURE_BYTES {
        return Err(Refusal::bad(format!(
            "application {}: the address of the picture has more than {MAX_PICTURE_BYTES} bytes",
            application.name
        )));
    }
    Ok(())
}

fn check_texts(name: &str, what: &str, texts: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if texts.len() > MAX_LANGUAGES {
        return Err(Refusal::bad(format!(
            "application {name}: the {what} has more than {MAX_LANGUAGES} languages"
        )));
    }
    for (language, text) in texts {
        check_name("a language's name", language)?;
        if text.len() > MAX_TEXT_BYTES {
            return Err(Refusal::bad(format!(
                "application {name}: the {what} in {language} has more than {MAX_TEXT_BYTES} bytes"
            )));
        }
    }
    Ok(())
}
