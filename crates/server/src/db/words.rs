//! Closed sets of words that columns hold.

/// Makes an enum with `as_str` and `ALL` a type of columns: stored as its words, on every engine.
macro_rules! words {
    ($type:ty) => {
        impl<DB: sqlx::Database> sqlx::Type<DB> for $type
        where
            str: sqlx::Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <str as sqlx::Type<DB>>::type_info()
            }

            fn compatible(ty: &DB::TypeInfo) -> bool {
                <str as sqlx::Type<DB>>::compatible(ty)
            }
        }

        impl<'r, DB: sqlx::Database> sqlx::Decode<'r, DB> for $type
        where
            &'r str: sqlx::Decode<'r, DB>,
        {
            fn decode(
                value: DB::ValueRef<'r>,
            ) -> std::result::Result<Self, sqlx::error::BoxDynError> {
                let word = <&str as sqlx::Decode<DB>>::decode(value)?;
                let found = Self::ALL.into_iter().find(|known| known.as_str() == word);
                found.ok_or_else(|| format!("{word:?} is no {}", stringify!($type)).into())
            }
        }

        impl From<$type> for $crate::db::query::Value {
            fn from(word: $type) -> Self {
                word.as_str().into()
            }
        }

        impl From<Option<$type>> for $crate::db::query::Value {
            fn from(word: Option<$type>) -> Self {
                word.map(<$type>::as_str).into()
            }
        }
    };
}

pub(crate) use words;
