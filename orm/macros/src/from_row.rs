//! `derive(FromRow)`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, GenericArgument, Index, Path, PathArguments, Type};

use crate::attributes::{Container, FieldOptions};
use crate::generics::with_bounds;

/// One field of the struct.
pub(crate) struct RowField<'a> {
    /// How the field is named in the struct: its name, or its number.
    pub(crate) member: TokenStream,
    /// The field as messages name it: `User.age`.
    pub(crate) label: String,
    /// The column's name; of a tuple struct's field, none.
    pub(crate) column: Option<String>,
    pub(crate) ty: &'a Type,
    pub(crate) options: FieldOptions,
}

/// Reads the fields of a struct; an enum or a union is an error that says what to do.
pub(crate) fn fields<'a>(
    input: &'a DeriveInput,
    container: &Container,
    derive: &str,
) -> syn::Result<Vec<RowField<'a>>> {
    let Data::Struct(data) = &input.data else {
        let help = match derive {
            "FromRow" => "; an enum that stands in one column derives FromValue",
            _ => "; an enum that is one parameter derives ToValue",
        };
        return Err(syn::Error::new(input.ident.span(), format!("`{}`: {derive} is for structs{help}", input.ident)));
    };
    let mut fields = Vec::new();
    for (number, field) in data.fields.iter().enumerate() {
        let (member, name) = if let Some(ident) = &field.ident {
            (quote!(#ident), ident.unraw().to_string())
        } else {
            let index = Index::from(number);
            (quote!(#index), number.to_string())
        };
        let options = FieldOptions::parse(field, &name)?;
        let column = field.ident.as_ref().map(|_| match (&options.rename, container.rename_all) {
            (Some(rename), _) => rename.value(),
            (None, Some(case)) => case.apply(&name),
            (None, None) => name.clone(),
        });
        fields.push(RowField { member, label: format!("{}.{name}", input.ident), column, ty: &field.ty, options });
    }
    if fields.is_empty() {
        return Err(syn::Error::new(
            input.ident.span(),
            format!("`{}`: {derive} needs a struct with fields", input.ident),
        ));
    }
    if let Fields::Unnamed(_) = &data.fields {
        check_positional(&fields, container, &input.ident)?;
    }
    Ok(fields)
}

fn check_positional(fields: &[RowField<'_>], container: &Container, name: &syn::Ident) -> syn::Result<()> {
    if container.rename_all.is_some() {
        return Err(syn::Error::new(
            name.span(),
            format!("`{name}`: `rename_all` needs named fields: a tuple struct is read by position"),
        ));
    }
    let several = fields.iter().filter(|field| field.options.skip.is_none()).count() > 1;
    for field in fields {
        let refused = [
            ("rename", field.options.rename.as_ref().map(syn::LitStr::span)),
            ("default", field.options.default),
            ("flatten", field.options.flatten.filter(|_| several)),
        ];
        for (option, span) in refused {
            if let Some(span) = span {
                let message = format!(
                    "field `{}`: `{option}` needs named fields: a tuple struct is read by position",
                    field.label
                );
                return Err(syn::Error::new(span, message));
            }
        }
    }
    Ok(())
}

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let container = Container::row(&input.attrs)?;
    let private = &container.private;
    let name = &input.ident;
    if let Some(lifetime) = input.generics.lifetimes().next() {
        let message = format!(
            "`{name}`: FromRow reads owned data, for a row lives no longer than its batch: use String for &{} str",
            lifetime.lifetime
        );
        return Err(syn::Error::new(lifetime.span(), message));
    }
    let fields = fields(input, &container, "FromRow")?;
    let generics = with_bounds(&input.generics, fields.iter().filter_map(|field| bound(field, private)));
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, arguments, _) = input.generics.split_for_impl();

    let mut columns = Vec::new();
    let mut nested = Vec::new();
    let mut reads = Vec::new();
    for field in &fields {
        let Read { place, expression } = read(field, columns.len(), nested.len(), private);
        match place {
            Place::None => {}
            Place::Column(find) => columns.push(find),
            Place::Nested(plan) => nested.push(plan),
        }
        let member = &field.member;
        reads.push(quote!(#member: #expression));
    }
    let count = columns.len();
    let check = fields[0].column.is_none().then(|| {
        // A tuple struct around one struct leaves the count to that one.
        let label = name.to_string();
        (count > 0).then(|| quote!(#private::check_count(columns, #count, #label)?;))
    });
    let count_nested = nested.len();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #private::FromRow for #name #arguments #where_clause {
            type Plan = ([usize; #count], [#private::Nested; #count_nested]);

            fn plan(columns: &[#private::Column]) -> #private::Result<Self::Plan> {
                #check
                ::core::result::Result::Ok(([#(#columns),*], [#(#nested),*]))
            }

            #[inline]
            #[allow(unused_variables)]
            fn from_row((columns, nested): &Self::Plan, row: #private::RowRef<'_>) -> #private::Result<Self> {
                ::core::result::Result::Ok(Self { #(#reads),* })
            }

            fn is_null((columns, nested): &Self::Plan, row: #private::RowRef<'_>) -> #private::Result<bool> {
                #private::is_null(columns, nested, row)
            }
        }
    })
}

fn bound<'a>(field: &RowField<'a>, private: &Path) -> Option<(&'a Type, TokenStream)> {
    let options = &field.options;
    let bound = if options.skip.is_some() {
        quote!(::core::default::Default)
    } else if options.flatten.is_some() {
        return Some((optional(field.ty).unwrap_or(field.ty), quote!(#private::FromRow + 'static)));
    } else if options.json.is_some() {
        quote!(#private::DeserializeOwned)
    } else if options.default.is_some() {
        quote!(#private::FromValue + ::core::default::Default)
    } else if options.try_from.is_some() {
        return None;
    } else {
        quote!(#private::FromValue)
    };
    Some((field.ty, bound))
}

/// Gives the type in an `Option`, as it is written.
fn optional(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(inner)) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

/// What a field adds to the plan.
enum Place {
    None,
    Column(TokenStream),
    Nested(TokenStream),
}

struct Read {
    place: Place,
    expression: TokenStream,
}

fn read(field: &RowField<'_>, column: usize, nested: usize, private: &Path) -> Read {
    let RowField { ty, label, options, .. } = field;
    // An error about the field's type points at the type.
    let span = Span::call_site().located_at(ty.span());
    if options.skip.is_some() {
        return Read {
            place: Place::None,
            expression: quote_spanned!(span=> <#ty as ::core::default::Default>::default()),
        };
    }
    if options.flatten.is_some() {
        let prefix = options.prefix.as_ref().map(syn::LitStr::value).unwrap_or_default();
        let plan = if let Some(inner) = optional(ty) {
            quote_spanned!(span=> #private::Nested::plan_option::<#inner>(columns, #prefix, #label)?)
        } else {
            quote_spanned!(span=> #private::Nested::plan::<#ty>(columns, #prefix, #label)?)
        };
        return Read {
            place: Place::Nested(plan),
            expression: quote_spanned!(span=> nested[#nested].read::<#ty>(row)?),
        };
    }
    let find = match (&field.column, options.default) {
        (None, _) => quote!(#column),
        (Some(name), None) => quote!(#private::find(columns, #name, #label)?),
        (Some(name), Some(_)) => quote!(#private::find_or_absent(columns, #name)),
    };
    let mut expression = if options.json.is_some() {
        quote_spanned!(span=> #private::read_json::<#ty>(row, columns[#column], #label)?)
    } else if let Some(source) = &options.try_from {
        quote_spanned!(span=> #private::read_try_from::<#source, #ty>(row, columns[#column], #label)?)
    } else {
        quote_spanned!(span=> #private::read::<#ty>(row, columns[#column], #label)?)
    };
    if options.default.is_some() {
        expression = quote_spanned! {span=>
            if columns[#column] == #private::ABSENT { <#ty as ::core::default::Default>::default() } else { #expression }
        };
    }
    Read { place: Place::Column(find), expression }
}
