//! What a database remembers of a map beside its versions, and how that is compared with the map that opens it. How it is
//! written is the store's business.

use deltaview_schema::cut_name;

use crate::{Error, ErrorKind};

/// The version of the format of a map's tables. A map of a newer one is not opened.
pub const FORMAT_VERSION: i64 = 1;

/// The map that somebody wants to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSpec {
    /// Its name.
    pub name: String,
    /// The shape of its keys, in words; nothing: any.
    pub key: Option<String>,
    /// The shape of its values, in words; nothing: any.
    pub value: Option<String>,
}

impl MapSpec {
    /// A map of a name, whatever its keys and values.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] where no map can have that name: it is empty, or has a NUL.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        if name.is_empty() || name.contains('\0') {
            let message = format!(
                "{name:?} can't be the name of a map: a name has one character or more, and no NUL"
            );
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
        Ok(Self {
            name,
            key: None,
            value: None,
        })
    }
}

/// What a database has of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapEntry {
    /// The table of its versions.
    pub table: String,
    /// The version of the format that it was made by.
    pub format_version: i64,
    /// The shape of its keys, in words, where whoever made it said so.
    pub key: Option<String>,
    /// The shape of its values, in words, where whoever made it said so.
    pub value: Option<String>,
}

/// Compares a map that is opened with what the database has under its name.
///
/// # Errors
///
/// [`ErrorKind::NewerFormat`], or [`ErrorKind::Mismatch`] with a line for each thing that differs.
pub fn compare(spec: &MapSpec, stored: &MapEntry) -> Result<(), Error> {
    let MapSpec { name, key, value } = spec;
    if stored.format_version > FORMAT_VERSION {
        let message = format!(
            "map `{name}` has format version {}, and this version of deltaview knows {FORMAT_VERSION} at most: use a \
             newer deltaview",
            stored.format_version
        );
        return Err(Error::new(ErrorKind::NewerFormat, message));
    }
    let parts = [("keys", key, &stored.key), ("values", value, &stored.value)];
    let details: Vec<String> = parts
        .into_iter()
        .filter_map(|(what, opened, stored)| {
            let (opened, stored) = (opened.as_ref()?, stored.as_ref()?);
            (opened != stored).then(|| {
                format!("{what}: the database has `{stored}`, and it was opened with `{opened}`")
            })
        })
        .collect();
    if details.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the database has map `{name}` with other types. Nothing was changed. Open it with the types that it was made \
         with, or make a map of another name. What differs:"
    );
    Err(Error::new(ErrorKind::Mismatch, message).with_details(details))
}

/// The name of the table of a map's versions, in a database whose names are so long at most.
pub fn table_name(map: &str, name_limit: Option<usize>) -> String {
    cut_name(&format!("{map}__versions"), name_limit)
}
