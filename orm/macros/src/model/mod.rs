//! `derive(Model)`.
//!
//! What a model says is written as constants, which cost the compiler little; the code is one function that reads a row, one that gives
//! a field's value, and the setters.

mod attributes;
mod columns;
mod record;
mod relations;
mod setters;
mod sound;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, Ident, Path, Type};

use crate::case::Case;
use crate::span::respanned;
use attributes::{FieldOptions, Relation, StructOptions};

/// A struct, as its attributes describe it.
pub(crate) struct Model<'a> {
    name: &'a Ident,
    visibility: &'a syn::Visibility,
    options: StructOptions,
    fields: Vec<ModelField<'a>>,
    private: Path,
}

/// A field of the struct.
pub(crate) struct ModelField<'a> {
    ident: &'a Ident,
    /// The field as the program names it, without `r#`.
    name: String,
    /// `User.email`, for messages.
    label: String,
    ty: &'a Type,
    /// The column's name.
    column: String,
    options: FieldOptions,
}

impl ModelField<'_> {
    /// Tells whether the field is a column, or several.
    fn is_stored(&self) -> bool {
        self.options.relation.is_none() && self.options.skip.is_none()
    }

    fn span(&self) -> Span {
        Span::call_site().located_at(self.ty.span())
    }

    /// The type whose column holds the field.
    fn column_type(&self, private: &TokenStream) -> TokenStream {
        let ty = self.ty;
        if self.options.json.is_some() {
            quote_spanned!(self.span()=> #private::Json<#ty>)
        } else {
            quote_spanned!(self.span()=> #ty)
        }
    }

    /// The name of the constant of the column or the relation.
    fn constant(&self) -> Ident {
        Ident::new(&Case::ScreamingSnake.apply(&self.name), self.ident.span())
    }
}

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let model = read(input)?;
    if model.options.embedded {
        return model.embedded();
    }
    model.check()?;
    let checks = model.checks();
    let definition = model.definition();
    let constants = model.constants();
    let reading = model.reading();
    let relations = model.relations()?;
    let setters = model.setters();
    let record = model.record();
    Ok(quote!(#checks #definition #reading #constants #relations #setters #record))
}

fn read(input: &DeriveInput) -> syn::Result<Model<'_>> {
    let name = &input.ident;
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new(
            name.span(),
            format!("`{name}`: Model is for structs; an enum that stands in one column derives FromValue and ToValue"),
        ));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(syn::Error::new(
            name.span(),
            format!(
                "`{name}`: Model needs named fields, which name the columns: write `struct {name} {{ id: i64, … }}`"
            ),
        ));
    };
    if !input.generics.params.is_empty() {
        return Err(syn::Error::new(
            input.generics.span(),
            format!(
                "`{name}`: a model has no generic parameters, for it is one table: derive FromRow for a struct that has"
            ),
        ));
    }
    let options = StructOptions::parse(&input.attrs, name)?;
    let krate = options.krate.clone();
    let mut fields = Vec::new();
    for field in &named.named {
        fields.push(model_field(field, name, &options)?);
    }
    let private = syn::parse_quote!(#krate::__private);
    Ok(Model { name, visibility: &input.vis, options, fields, private })
}

fn model_field<'a>(field: &'a Field, model: &Ident, options: &StructOptions) -> syn::Result<ModelField<'a>> {
    let Some(ident) = &field.ident else {
        return Err(syn::Error::new(field.span(), format!("`{model}`: a model's fields have names")));
    };
    let name = ident.unraw().to_string();
    let label = format!("{model}.{name}");
    let field_options = FieldOptions::parse(field, &label)?;
    sound::check_type(&field_options, &field.ty, &label)?;
    let column = match (&field_options.column, options.rename_all) {
        (Some(column), _) => column.value(),
        (None, Some(case)) => case.apply(&name),
        (None, None) => name.clone(),
    };
    Ok(ModelField { ident, name, label, ty: &field.ty, column, options: field_options })
}

impl Model<'_> {
    fn stored(&self) -> impl Iterator<Item = &ModelField<'_>> {
        self.fields.iter().filter(|field| field.is_stored())
    }

    fn key(&self) -> Vec<&ModelField<'_>> {
        self.fields.iter().filter(|field| field.options.primary_key.is_some()).collect()
    }

    /// What the macro names of oarlock's, as if it stood in the place of a field's type: what is wrong with that is told there.
    fn private_at(&self, field: &ModelField<'_>) -> TokenStream {
        self.private_with(field.span())
    }

    fn private_with(&self, span: Span) -> TokenStream {
        respanned(self.private.to_token_stream(), span)
    }

    /// Finds the field of a column by the name that an attribute gives.
    fn column(&self, name: &Ident, place: &str) -> syn::Result<&ModelField<'_>> {
        let mut columns = self.stored().filter(|field| field.options.embed.is_none());
        columns.find(|field| name.unraw() == field.name.as_str()).ok_or_else(|| {
            let columns = self.stored().filter(|field| field.options.embed.is_none());
            let known: Vec<&str> = columns.map(|field| field.name.as_str()).collect();
            let message = format!("{place}: there is no column `{name}`; there are {}", known.join(", "));
            syn::Error::new(name.span(), message)
        })
    }

    /// Writes the constants of columns and embedded structs.
    fn constants(&self) -> TokenStream {
        let (name, private) = (self.name, &self.private);
        let mut before = quote!(0);
        let mut constants = Vec::new();
        for field in self.stored() {
            let (constant, private) = (field.constant(), self.private_at(field));
            let visibility = self.visibility;
            let doc = format!("The column of [`{}`](Self::{}).", field.name, field.ident);
            if field.options.embed.is_some() {
                let ty = field.ty;
                constants.push(quote_spanned! {field.span()=>
                    #[doc = #doc]
                    #visibility const #constant: #private::Embedded<#name, #ty> = #private::Embedded::new(#before);
                });
                before = quote!(#before + <#ty as #private::Embed>::COLUMNS);
            } else {
                let ty = field.column_type(&private);
                constants.push(quote_spanned! {field.span()=>
                    #[doc = #doc]
                    #visibility const #constant: #private::ModelColumn<#name, #ty> = #private::ModelColumn::new(#before);
                });
                before = quote!(#before + 1);
            }
        }
        // A field of that name has its own constant.
        if !self.options.embedded && self.fields.iter().all(|field| field.constant() != "ALL") {
            let visibility = self.visibility;
            constants.push(quote! {
                /// All columns, as the model itself.
                #visibility const ALL: #private::All<#name> = #private::All::new();
            });
        }
        quote! {
            #[allow(dead_code)]
            impl #name { #(#constants)* }
        }
    }

    /// Writes the name of a type that belongs to the model.
    fn named(&self, suffix: &str) -> Ident {
        format_ident!("{}{suffix}", self.name.unraw(), span = self.name.span())
    }
}

/// Gives the model of a relation's field: the first type in its angle brackets.
fn related(field: &ModelField<'_>, relation: &Relation) -> syn::Result<Type> {
    let kind = relation.type_name();
    let wrong = || {
        syn::Error::new(
            field.ty.span(),
            format!(
                "field `{}`: a `{}` relation is held in `{kind}<Model>`: write `{}: {kind}<…>`",
                field.label,
                relation.option(),
                field.name
            ),
        )
    };
    let Type::Path(path) = field.ty else { return Err(wrong()) };
    let last = path.path.segments.last().filter(|last| last.ident == kind).ok_or_else(wrong)?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return Err(wrong()) };
    match arguments.args.first() {
        Some(syn::GenericArgument::Type(ty)) => Ok(ty.clone()),
        _ => Err(wrong()),
    }
}
