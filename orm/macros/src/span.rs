//! Where the compiler says that a mistake is.

use proc_macro2::{Group, Span, TokenStream, TokenTree};

/// Gives tokens a place, those within brackets too: what is wrong with them is told there.
pub(crate) fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            if let TokenTree::Group(group) = &token {
                let mut inner = Group::new(group.delimiter(), respanned(group.stream(), span));
                inner.set_span(span);
                return TokenTree::Group(inner);
            }
            token.set_span(span);
            token
        })
        .collect()
}
