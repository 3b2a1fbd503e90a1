//! What a row and an index are: shapes, keys, columns, the row codec and identity
