//! The constants of relations.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::ext::IdentExt;
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
        Ok(quote::quote! {
            #[allow(dead_code)]
            impl #name { #(#constants)* }
            #(#checks)*
        })
    }

    fn relation(&self, field: &ModelField<'_>, relation: &Relation) -> syn::Result<(TokenStream, TokenStream)> {
        let (name, private, visibility) = (self.name, &self.private, self.visibility);
        let (ident, ty, constant) = (field.ident, field.ty, field.constant());
        let child = related(field, relation)?;
        let span = field.span();
        let doc = format!("The relation of [`{}`](Self::{ident}).", field.name);
        let slot = quote_spanned!(span=> |parent| &mut parent.#ident);
        let (side, key_of, other, fields) = match relation {
            Relation::BelongsTo(fields) => {
                for refers in fields {
                    self.field(refers, &format!("field `{}`", field.label))?;
                }
                (quote_spanned!(span=> Parent), quote_spanned!(span=> #name), quote_spanned!(span=> #child), fields)
            }
            Relation::HasMany(fields) | Relation::HasOne(fields) => {
                (quote_spanned!(span=> Child), quote_spanned!(span=> #child), quote_spanned!(span=> #name), fields)
            }
            Relation::ManyToMany { through, from, to } => {
                let (from, to) = (names(from), names(to));
                let to_parent = quote_spanned!(span=> #private::foreign_key(<#through as #private::Model>::DEF.foreign_keys, <#name as #private::Model>::TABLE, &[#(#from),*]));
                let to_child = quote_spanned!(span=> #private::foreign_key(<#through as #private::Model>::DEF.foreign_keys, <#child as #private::Model>::TABLE, &[#(#to),*]));
                let joining = joining(field);
                return Ok((
                    quote_spanned! {span=>
                        #[doc = #doc]
                        #visibility const #constant: #private::ManyRelation<#name, #child, #joining> =
                            #private::ManyRelation::new(<#through as #private::Model>::table, #to_parent, #to_child, #slot);
                    },
                    quote_spanned!(span=> const _: (usize, usize) = (#to_parent, #to_child);),
                ));
            }
        };
        let fields = names(fields);
        let key = quote_spanned!(span=> #private::foreign_key(<#key_of as #private::Model>::DEF.foreign_keys, <#other as #private::Model>::TABLE, &[#(#fields),*]));
        Ok((
            quote_spanned! {span=>
                #[doc = #doc]
                #visibility const #constant: #private::Relation<#name, #ty> =
                    #private::Relation::new(#private::KeyOf::#side, #key, #slot);
            },
            quote_spanned!(span=> const _: usize = #key;),
        ))
    }
}

fn names(fields: &[Ident]) -> Vec<String> {
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
