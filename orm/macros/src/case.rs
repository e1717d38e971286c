//! The cases of `rename_all`.

use syn::LitStr;

/// How words are written as one name.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

const CASES: [(&str, Case); 8] = [
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Case {
    pub(crate) fn parse(name: &LitStr) -> syn::Result<Self> {
        let text = name.value();
        CASES.iter().find(|(known, _)| *known == text).map(|(_, case)| *case).ok_or_else(|| {
            let known: Vec<&str> = CASES.iter().map(|(known, _)| *known).collect();
            syn::Error::new(
                name.span(),
                format!("`rename_all`: there is no case `{text}`; there are {}", known.join(", ")),
            )
        })
    }

    /// Writes a Rust name, of a field or of a variant, in this case.
    pub(crate) fn apply(self, name: &str) -> String {
        let words = words(name);
        let capitalised = |word: &String| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
        };
        match self {
            Self::Lower => words.concat(),
            Self::Upper => words.concat().to_uppercase(),
            Self::Snake => words.join("_"),
            Self::ScreamingSnake => words.join("_").to_uppercase(),
            Self::Kebab => words.join("-"),
            Self::ScreamingKebab => words.join("-").to_uppercase(),
            Self::Pascal => words.iter().map(capitalised).collect(),
            Self::Camel => {
                let (first, rest) =
                    words.split_first().map_or((String::new(), &[][..]), |(first, rest)| (first.clone(), rest));
                first + &rest.iter().map(capitalised).collect::<String>()
            }
        }
    }
}

/// Splits a name at underscores and before capitals, into lower case: `HTTPServer_v2` is `http`, `server`, `v2`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        if *letter == '_' {
            words.push(String::new());
            continue;
        }
        let after_small = index > 0 && !letters[index - 1].is_uppercase() && letters[index - 1] != '_';
        let before_small = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        let in_capitals = index > 0 && letters[index - 1].is_uppercase();
        if letter.is_uppercase() && (after_small || (in_capitals && before_small)) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_and_variants_take_every_case() {
        for name in ["created_at", "CreatedAt"] {
            let all: Vec<String> = CASES.iter().map(|(_, case)| case.apply(name)).collect();
            assert_eq!(
                all,
                [
                    "createdat",
                    "CREATEDAT",
                    "CreatedAt",
                    "createdAt",
                    "created_at",
                    "CREATED_AT",
                    "created-at",
                    "CREATED-AT"
                ]
            );
        }
        assert_eq!(Case::Snake.apply("HTTPServer"), "http_server");
        assert_eq!(Case::Snake.apply("line_2"), "line_2");
        assert_eq!(Case::Camel.apply("_private_field"), "privateField");
        assert_eq!(Case::Snake.apply("V2Api"), "v2_api");
    }
}
