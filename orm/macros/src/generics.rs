//! Bounds of generic types: only fields that mention a type parameter need one.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Generics, Type};

/// Adds `where field: bound` for each field type that mentions one of the type's parameters.
pub(crate) fn with_bounds<'a>(
    generics: &Generics,
    bounds: impl IntoIterator<Item = (&'a Type, TokenStream)>,
) -> Generics {
    let mut result = generics.clone();
    for (ty, bound) in bounds {
        if mentions(ty.to_token_stream(), generics) {
            result.make_where_clause().predicates.push(syn::parse_quote!(#ty: #bound));
        }
    }
    result
}

fn mentions(tokens: TokenStream, generics: &Generics) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => generics.type_params().any(|parameter| parameter.ident == ident),
        TokenTree::Group(group) => mentions(group.stream(), generics),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
