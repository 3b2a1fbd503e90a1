//! Views that keep themselves up to date, inside the database an application already has
