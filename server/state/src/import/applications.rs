//! The applications of a session server's `config.json`, and the keys by which files describe one.
//!
//! How an application is launched is the session server's business and left alone here.

use server_booking::model::{Application, Change};

use super::checked;
use super::document::{At, ImportError};

/// Keys of the list of applications.
pub(super) const LIST: &[&str] = &["applications", "rcs", "titles", "rc_info"];
/// Keys of an application's name; `title` is one where it holds a text.
pub(super) const NAME: &[&str] = &["rc_name", "name", "title_name"];
const DESCRIPTION: &[&str] = &["description", "deskription", "descriptions"];
const PICTURE: &[&str] = &["picture", "image", "icon", "preview"];

/// The applications of `config.json`: a list, or an object by name.
pub(super) fn config(whole: &At<'_>) -> Result<Vec<Application>, ImportError> {
    let list = whole.need(LIST)?;
    if let Some(entries) = list.list() {
        return entries.iter().map(one).collect();
    }
    if list.find(NAME).is_some() {
        return Ok(vec![one(&list)?]);
    }
    list.keys()
        .into_iter()
        .map(|name| {
            let entry = list.need(&[name])?;
            let mut application = texts_of(&entry)?;
            name.clone_into(&mut application.name);
            checked(&entry, application, Change::PutApplication)
        })
        .collect()
}

/// One application, with its name.
pub(super) fn one(entry: &At<'_>) -> Result<Application, ImportError> {
    // A list of names alone is one as well.
    if let Ok(name) = entry.text() {
        return match name.trim() {
            "" => Err(entry.fault("a name may not be empty")),
            _ => Ok(Application {
                name,
                ..Application::default()
            }),
        };
    }
    let mut application = texts_of(entry)?;
    application.name = match entry.find(NAME) {
        Some(name) => name.name()?,
        // Without any of them, the title must be the name.
        None => match entry.find(&["title"]) {
            Some(title) => title.name()?,
            None => return Err(entry.need(NAME).expect_err("it was not found")),
        },
    };
    checked(entry, application, Change::PutApplication)
}

/// What describes an application, without its name.
pub(super) fn texts_of(entry: &At<'_>) -> Result<Application, ImportError> {
    let texts = |keys| match entry.find(keys) {
        Some(at) => at.texts(),
        None => Ok(Default::default()),
    };
    Ok(Application {
        name: String::new(),
        title: texts(&["title", "titles"])?,
        description: texts(DESCRIPTION)?,
        picture: entry.find(PICTURE).map(|at| at.text()).transpose()?,
    })
}
