//! `derive(FromValue)` and `derive(ToValue)`: newtypes, and enums as text.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Ident, Type};

use crate::attributes::{Container, variant_rename};
use crate::case::Case;
use crate::generics::with_bounds;

/// What the two derives accept.
enum Shape<'a> {
    /// A struct of one field: how the field is named, and its type.
    Newtype(TokenStream, &'a Type),
    /// An enum without fields: each variant and its text.
    Enum(Vec<(&'a Ident, String)>),
}

fn shape<'a>(input: &'a DeriveInput, container: &Container, derive: &str) -> syn::Result<Shape<'a>> {
    let name = &input.ident;
    match &input.data {
        Data::Struct(data) => {
            let mut fields = data.fields.iter();
            let (Some(field), None) = (fields.next(), fields.next()) else {
                let message = format!(
                    "`{name}`: {derive} is for structs of one field and enums without fields; \
                     a struct of several columns derives FromRow, a document is held in Json<{name}>"
                );
                return Err(syn::Error::new(name.span(), message));
            };
            let member = field.ident.as_ref().map_or(quote!(0), |ident| quote!(#ident));
            Ok(Shape::Newtype(member, &field.ty))
        }
        Data::Enum(data) => {
            let mut variants: Vec<(&Ident, String)> = Vec::new();
            for variant in &data.variants {
                let ident = &variant.ident;
                if !variant.fields.is_empty() {
                    let message = format!(
                        "variant `{ident}`: {derive} writes an enum as text, which cannot hold fields; hold it in Json<{name}>"
                    );
                    return Err(syn::Error::new(ident.span(), message));
                }
                let plain = ident.unraw().to_string();
                let text = variant_rename(&variant.attrs, &plain)?
                    .map_or_else(|| container.rename_all.unwrap_or(Case::Snake).apply(&plain), |text| text.value());
                if let Some((other, _)) = variants.iter().find(|(_, known)| *known == text) {
                    let message =
                        format!("variant `{ident}`: its text {text:?} is that of `{other}`; rename one of them");
                    return Err(syn::Error::new(ident.span(), message));
                }
                variants.push((ident, text));
            }
            if variants.is_empty() {
                return Err(syn::Error::new(name.span(), format!("`{name}`: {derive} needs an enum with variants")));
            }
            Ok(Shape::Enum(variants))
        }
        Data::Union(_) => Err(syn::Error::new(name.span(), format!("`{name}`: {derive} is not for unions"))),
    }
}

pub(crate) fn expand_from(input: &DeriveInput) -> syn::Result<TokenStream> {
    let container = Container::value(&input.attrs)?;
    let private = &container.private;
    let name = &input.ident;
    let label = name.unraw().to_string();
    let mut generics = input.generics.clone();
    let mut listed = None;
    let body = if let Some(source) = &container.try_from {
        let span = Span::call_site().located_at(source.span());
        quote_spanned!(span=> #private::value_try_from::<#source, Self>(value, #label))
    } else {
        match shape(input, &container, "FromValue")? {
            Shape::Newtype(member, ty) => {
                generics = with_bounds(&generics, [(ty, quote!(#private::FromValue))]);
                let span = Span::call_site().located_at(ty.span());
                quote_spanned! {span=>
                    ::core::result::Result::Ok(Self { #member: <#ty as #private::FromValue>::from_value(value)? })
                }
            }
            Shape::Enum(variants) => {
                let idents = variants.iter().map(|(ident, _)| ident);
                let texts: Vec<&String> = variants.iter().map(|(_, text)| text).collect();
                listed = Some(quote!(&[#(#texts),*]));
                quote! {
                    match #private::enum_text(value, #label)? {
                        #(#texts => ::core::result::Result::Ok(Self::#idents),)*
                        _ => ::core::result::Result::Err(#private::unknown_variant::<Self>(#label)),
                    }
                }
            }
        }
    };
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, arguments, _) = input.generics.split_for_impl();
    let text_enum = listed.map(|texts| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #private::TextEnum for #name #arguments #where_clause {
                const VALUES: &'static [&'static str] = #texts;
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #private::FromValue for #name #arguments #where_clause {
            #[inline]
            fn from_value(value: #private::ValueRef<'_>) -> #private::Result<Self> {
                #body
            }
        }

        #text_enum
    })
}

pub(crate) fn expand_to(input: &DeriveInput) -> syn::Result<TokenStream> {
    let container = Container::value(&input.attrs)?;
    let private = &container.private;
    let name = &input.ident;
    let mut generics = input.generics.clone();
    // What the type is kept as: another type, whose column it takes, or the texts of an enum.
    let mut kept_as = None;
    let mut texts = None;
    let body = if let Some(target) = &container.into {
        kept_as = Some(target);
        let span = Span::call_site().located_at(target.span());
        quote_spanned!(span=> #private::value_into::<Self, #target>(self))
    } else {
        match shape(input, &container, "ToValue")? {
            Shape::Newtype(member, ty) => {
                kept_as = Some(ty);
                generics = with_bounds(&generics, [(ty, quote!(#private::ToValue))]);
                let span = Span::call_site().located_at(ty.span());
                quote_spanned!(span=> <#ty as #private::ToValue>::to_value(&self.#member))
            }
            Shape::Enum(variants) => {
                let arms = variants.iter().map(|(ident, text)| quote!(Self::#ident => #text));
                let values = variants.iter().map(|(_, text)| text);
                texts = Some(quote!([#(#values),*]));
                quote! {
                    ::core::result::Result::Ok(#private::Bound::Borrowed(#private::ValueRef::Text(match self { #(#arms,)* })))
                }
            }
        }
    };
    let column_type = column_type(input, &container, kept_as, texts);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, arguments, _) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #private::ToValue for #name #arguments #where_clause {
            #[inline]
            fn to_value(&self) -> #private::Result<#private::Bound<'_>> {
                #body
            }
        }

        #column_type
    })
}

/// Says which column holds the type. A newtype around what no column holds has none, so its bound is on the impl.
fn column_type(
    input: &DeriveInput,
    container: &Container,
    kept_as: Option<&Type>,
    texts: Option<TokenStream>,
) -> TokenStream {
    let private = &container.private;
    let name = &input.ident;
    let (nullable, body, generics) = if let Some(ty) = kept_as {
        // A bound on a concrete type that fails is an error even where nobody asks; one that mentions a lifetime is not.
        let mut generics = input.generics.clone();
        let clause = generics.make_where_clause();
        clause.predicates.push(syn::parse_quote!(for<'column> #private::Kept<'column, #ty>: #private::ColumnType));
        (
            quote!(<#private::Kept<'_, #ty> as #private::ColumnType>::NULLABLE),
            quote!(<#private::Kept<'_, #ty> as #private::ColumnType>::column_type()),
            generics,
        )
    } else {
        let words = Case::Snake.apply(&name.unraw().to_string());
        (quote!(false), quote!(#private::EnumType::new(#words, #texts).into()), input.generics.clone())
    };
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, arguments, _) = input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #private::ColumnType for #name #arguments #where_clause {
            const NULLABLE: bool = #nullable;

            fn column_type() -> #private::Type {
                #body
            }
        }
    }
}
