//! `sql!`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Expr, LitStr, Token};

use crate::span::respanned;

/// What stands between the brackets.
pub(crate) struct Input {
    db: Expr,
    text: LitStr,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let db = input.parse()?;
        let missing = |error: syn::Error| {
            syn::Error::new(error.span(), "what runs the statement is missing: write sql!(&db, \"…\")")
        };
        input.parse::<Token![,]>().map_err(missing)?;
        let text = input.parse().map_err(|error| {
            syn::Error::new(
                error.span(),
                "the statement is a string literal, so that it can be checked in a test: sql!(&db, \"…\")",
            )
        })?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { db, text })
    }
}

/// A piece of the text.
enum Piece {
    Text(String),
    One(Expr),
    List(Expr),
    In(Expr),
    NotIn(Expr),
}

pub(crate) fn expand(input: &Input) -> syn::Result<TokenStream> {
    let pieces = pieces(&input.text)?;
    let mut kinds = Vec::new();
    let mut arguments = Vec::new();
    let span = Span::call_site().located_at(input.text.span());
    for piece in &pieces {
        let (kind, argument) = match piece {
            Piece::Text(text) => (quote!(Text(#text)), None),
            Piece::One(value) => (quote!(One), Some((value, quote!(SqlSingle)))),
            Piece::List(list) => (quote!(List), Some((list, quote!(SqlList)))),
            Piece::In(list) => (quote!(In), Some((list, quote!(SqlList)))),
            Piece::NotIn(list) => (quote!(NotIn), Some((list, quote!(SqlList)))),
        };
        kinds.push(quote!(::oarlock::__private::SqlPiece::#kind));
        arguments.extend(
            argument.map(|(value, taken)| quote_spanned!(span=> ::oarlock::__private::#taken::argument(&#value))),
        );
    }
    let db = &input.db;
    // The statement is made in a block of its own: what the arguments borrow lives as long as the whole expression.
    Ok(quote_spanned! {span=>
        ::oarlock::__private::Sql::new(
            #db,
            {
                static STATEMENT: ::oarlock::__private::SqlStatement = ::oarlock::__private::SqlStatement::new(
                    &[#(#kinds),*],
                    ::core::file!(),
                    ::core::line!(),
                    ::core::module_path!(),
                );
                ::oarlock::__private::inventory::submit! { &STATEMENT }
                &STATEMENT
            },
            ::std::vec![#(#arguments),*],
        )
    })
}

fn pieces(literal: &LitStr) -> syn::Result<Vec<Piece>> {
    let whole = literal.value();
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = whole.as_str();
    while let Some(place) = rest.find(['{', '}']) {
        text.push_str(&rest[..place]);
        let (brace, after) = rest[place..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        let Some(end) = after.find('}').filter(|_| brace == "{") else {
            return Err(syn::Error::new(
                literal.span(),
                "a brace without its other half: an argument is written as {name}, a brace of the SQL as {{ or }}",
            ));
        };
        let inside = after[..end].trim();
        rest = &after[end + 1..];
        let (source, is_list) = inside.strip_suffix("..").map_or((inside, false), |source| (source, true));
        let argument = argument(source, literal)?;
        let piece = if is_list { list(argument, &mut text, &mut rest) } else { Piece::One(argument) };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(piece);
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn argument(source: &str, literal: &LitStr) -> syn::Result<Expr> {
    let mut parsed: Expr = syn::parse_str(source).map_err(|error| {
        syn::Error::new(
            literal.span(),
            format!("{{{source}}} is not an expression ({error}): an argument is written as {{name}}, a list as {{names..}}, a brace of the SQL as {{{{"),
        )
    })?;
    set_span(&mut parsed, literal.span());
    Ok(parsed)
}

/// Gives an expression the place of the literal that it was in, from which it sees the same variables.
fn set_span(expr: &mut Expr, span: Span) {
    let tokens = respanned(quote!(#expr), span);
    if let Ok(placed) = syn::parse2(tokens) {
        *expr = placed;
    }
}

/// Makes the piece of a list: where it stands alone in `IN (…)`, that whole.
fn list(argument: Expr, before: &mut String, after: &mut &str) -> Piece {
    let closed = after.trim_start().strip_prefix(')');
    let opened = before.trim_end().strip_suffix('(').map(str::trim_end);
    let (Some(closed), Some(opened)) = (closed, opened) else { return Piece::List(argument) };
    let Some(operand) = strip_word(opened, "in") else { return Piece::List(argument) };
    let (operand, negated) = match strip_word(operand, "not") {
        Some(operand) => (operand, true),
        None => (operand, false),
    };
    let length = operand.len();
    before.truncate(length);
    before.push(' ');
    *after = closed;
    if negated { Piece::NotIn(argument) } else { Piece::In(argument) }
}

/// Takes a word from the end of text.
fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let start = text.len().checked_sub(word.len())?;
    let (before, last) = (text.get(..start)?, text.get(start..)?);
    let alone = before.chars().next_back().is_none_or(|character| !character.is_alphanumeric() && character != '_');
    (alone && last.eq_ignore_ascii_case(word)).then(|| before.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let literal = LitStr::new(text, Span::call_site());
        match pieces(&literal) {
            Ok(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.clone(),
                    Piece::One(value) => format!("<{}>", quote!(#value)),
                    Piece::List(list) => format!("<list {}>", quote!(#list)),
                    Piece::In(list) => format!("<in {}>", quote!(#list)),
                    Piece::NotIn(list) => format!("<not in {}>", quote!(#list)),
                })
                .collect(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn arguments_are_found_and_doubled_braces_are_braces() {
        for (text, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("a = {a} AND b = { user.b }", "a = <a> AND b = <user . b>"),
            ("'{{\"x\": 1}}' || {a}", "'{\"x\": 1}' || <a>"),
            ("id IN ({ids..}) AND x", "id <in ids> AND x"),
            ("id not in( {ids..} )", "id <not in ids>"),
            ("f({ids..})", "f(<list ids>)"),
            ("main ({ids..})", "main (<list ids>)"),
            ("IN (1, {ids..})", "IN (1, <list ids>)"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert!(shown("a = {a").starts_with("error: a brace without its other half"));
        assert!(shown("a = a}").starts_with("error: a brace without its other half"));
        assert!(shown("a = {}").starts_with("error: {} is not an expression"));
    }
}
