//! Credentials: HTTP basic authentication and the `Authorization` header.

use crate::section::section;
use crate::{FilePath, Secret};

section! {
    /// HTTP basic authentication; each of name and password given here, in a file, or by the name of a secret.
    pub struct BasicAuth("`basic_auth`", "config.BasicAuth", "config.plain") {
        username: String,
        username_file: FilePath,
        username_ref: String,
        password: Secret,
        password_file: FilePath,
        password_ref: String,
    }
}

section! {
    /// An `Authorization` header.
    pub struct Authorization("`authorization`", "config.Authorization", "config.Authorization") {
        /// The word before the credentials; `Bearer` when not given.
        scheme as "type": String,
        credentials: Secret,
        credentials_file: FilePath,
        credentials_ref: String,
    }
}
