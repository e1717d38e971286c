//! The constants of relations.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::attributes::Relation;
use super::{Model, ModelField, related};

impl Model<'_> {
    /// Writes a constant for each relation. Which foreign key it goes by is found out by the compiler, so that one which is not there, or
    /// not the only one, is a compile error at the field.
    pub(super) fn relations(&self) -> syn::Result<TokenStream> {
        let name = self.name;
        let mut constants = Vec::new();
        let mut checks = Vec::new();
        for field in &self.fields {
            if let Some(relation) = &field.options.relation {
                let (constant, check) = self.relation(field, relation)?;
                constants.push(constant);
                checks.push(check);
            }
        }
        Ok(quote! {
            #[allow(dead_code)]
            impl #name { #(#constants)* }
            #(#checks)*
        })
    }

    fn relation(&self, field: &ModelField<'_>, relation: &Relation) -> syn::Result<(TokenStream, TokenStream)> {
        let (name, private, visibility) = (self.name, self.private_at(field), self.visibility);
        let (ident, ty, constant) = (field.ident, field.ty, field.constant());
        let child = related(field, relation)?;
        let (span, place) = (field.span(), format!("field `{}`", field.label));
        let (own, related) = (name.to_string(), shown(&child));
        let doc = format!("The relation of [`{}`](Self::{ident}).", field.name);
        let slot = quote_spanned!(span=> |parent| &mut parent.#ident);
        let (side, key) = match relation {
            Relation::BelongsTo(fields) => {
                for refers in fields {
                    self.column(refers, &place)?;
                }
                let way = format!("write #[model(references = {related})] on `{}`", names(fields).join("`, `"));
                let key = Key { owner: quote!(#name), to: quote!(#child), fields, names: [&own, &related], way };
                (quote_spanned!(span=> Parent), key)
            }
            Relation::HasMany(fields) | Relation::HasOne(fields) => {
                let way = format!("write `{} = …` with the field of `{related}` that refers", relation.option());
                let key = Key { owner: quote!(#child), to: quote!(#name), fields, names: [&related, &own], way };
                (quote_spanned!(span=> Child), key)
            }
            Relation::ManyToMany { through, from, to } => {
                let middle = shown(through);
                let way = format!("write `many_to_many({middle}, from = …, to = …)` with its fields that refer");
                let (owner, way) = (quote!(#through), &way);
                let to_parent = Key {
                    owner: owner.clone(),
                    to: quote!(#name),
                    fields: from,
                    names: [&middle, &own],
                    way: way.clone(),
                };
                let to_child =
                    Key { owner, to: quote!(#child), fields: to, names: [&middle, &related], way: way.clone() };
                let (parent_index, child_index) = (to_parent.index(&private, span), to_child.index(&private, span));
                let joining = joining(field);
                let checks = [to_parent.check(self, field), to_child.check(self, field)];
                return Ok((
                    quote_spanned! {span=>
                        #[doc = #doc]
                        #visibility const #constant: #private::ManyRelation<#name, #child, #joining> =
                            #private::ManyRelation::new(<#through as #private::Model>::table, #parent_index, #child_index, #slot);
                    },
                    quote!(const _: () = { #(#checks)* };),
                ));
            }
        };
        let (index, check) = (key.index(&private, span), key.check(self, field));
        Ok((
            quote_spanned! {span=>
                #[doc = #doc]
                #visibility const #constant: #private::Relation<#name, #ty> =
                    #private::Relation::new(#private::KeyOf::#side, #index, #slot);
            },
            quote!(const _: () = { #check };),
        ))
    }
}

/// The foreign key that a relation goes by.
struct Key<'k> {
    /// The model that has it.
    owner: TokenStream,
    /// The model that it refers to.
    to: TokenStream,
    /// The fields that it must be of, if any are named.
    fields: &'k [Ident],
    /// What the two models are called.
    names: [&'k str; 2],
    /// What helps where there is none, or where there are several.
    way: String,
}

impl Key<'_> {
    fn asked(&self, private: &TokenStream, span: Span) -> TokenStream {
        let (owner, to, fields) = (&self.owner, &self.to, names(self.fields));
        quote_spanned!(span=> <#owner as #private::Model>::DEF.foreign_keys, <#to as #private::Model>::TABLE, &[#(#fields),*])
    }

    /// Writes which of its model's foreign keys it is.
    fn index(&self, private: &TokenStream, span: Span) -> TokenStream {
        let asked = self.asked(private, span);
        quote_spanned!(span=> #private::foreign_key(#asked))
    }

    /// Writes what fails to compile where it is not there, or not the only one.
    fn check(&self, model: &Model<'_>, field: &ModelField<'_>) -> TokenStream {
        let span = field.ty.span();
        let private = model.private_with(span);
        let asked = self.asked(&private, span);
        let ([from, to], way, label) = (self.names, &self.way, &field.label);
        let none = if self.fields.is_empty() {
            format!(
                "field `{label}`: no foreign key leads from `{from}` to `{to}`: write #[model(references = {to})] on the field of `{from}` that refers"
            )
        } else {
            let fields = names(self.fields).join("`, `");
            format!(
                "field `{label}`: `{fields}` of `{from}` does not refer to `{to}`: write #[model(references = {to})] on it"
            )
        };
        let several = format!("field `{label}`: several foreign keys lead from `{from}` to `{to}`: {way}");
        quote_spanned! {span=>
            match #private::foreign_keys(#asked) {
                0 => ::core::panic!(#none),
                1 => {}
                _ => ::core::panic!(#several),
            }
        }
    }
}

/// Gives a path or a type as the program has it.
pub(super) fn shown(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}

pub(super) fn names(fields: &[Ident]) -> Vec<String> {
    fields.iter().map(|field| field.unraw().to_string()).collect()
}

/// Gives the second type of a `ManyToMany<Child, Joining>`.
fn joining(field: &ModelField<'_>) -> Type {
    let given = match field.ty {
        Type::Path(path) => path.path.segments.last().and_then(|last| match &last.arguments {
            syn::PathArguments::AngleBracketed(arguments) => arguments.args.iter().nth(1),
            _ => None,
        }),
        _ => None,
    };
    match given {
        Some(syn::GenericArgument::Type(ty)) => ty.clone(),
        _ => syn::parse_quote!(()),
    }
}
