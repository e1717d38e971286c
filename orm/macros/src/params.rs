//! `derive(Params)`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Path, Type};

use crate::attributes::Container;
use crate::from_row::{RowField, fields};
use crate::generics::with_bounds;

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let container = Container::row(&input.attrs)?;
    let private = &container.private;
    let fields = fields(input, &container, "Params")?;
    let generics = with_bounds(&input.generics, fields.iter().map(|field| bound(field, private)));
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, arguments, _) = input.generics.split_for_impl();
    let name = &input.ident;
    let binds = fields.iter().filter_map(|field| bind(field, private));
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #private::Params for #name #arguments #where_clause {
            fn bind<'oarlock>(&'oarlock self, bindings: &mut #private::Bindings<'oarlock>) -> #private::Result<()> {
                #(#binds)*
                ::core::result::Result::Ok(())
            }
        }
    })
}

fn bound<'a>(field: &RowField<'a>, private: &Path) -> (&'a Type, TokenStream) {
    let options = &field.options;
    let bound = if options.skip.is_some() || options.into.is_some() {
        quote!(::core::marker::Send + ::core::marker::Sync)
    } else if options.flatten.is_some() {
        quote!(#private::Params)
    } else if options.json.is_some() {
        quote!(#private::Serialize + ::core::marker::Send + ::core::marker::Sync)
    } else {
        quote!(#private::ToValue + ::core::marker::Send + ::core::marker::Sync)
    };
    (field.ty, bound)
}

fn bind(field: &RowField<'_>, private: &Path) -> Option<TokenStream> {
    let RowField { member, ty, options, .. } = field;
    if options.skip.is_some() {
        return None;
    }
    let span = Span::call_site().located_at(ty.span());
    if options.flatten.is_some() {
        let prefix = options.prefix.as_ref().map(|prefix| {
            let message = format!(
                "field `{member}`: Params cannot add the prefix {:?} to the names of another struct's parameters",
                prefix.value()
            );
            syn::Error::new(prefix.span(), message).into_compile_error()
        });
        return Some(quote_spanned!(span=> #prefix <#ty as #private::Params>::bind(&self.#member, bindings)?;));
    }
    let name = if let Some(name) = &field.column {
        quote!(::core::option::Option::Some(#name))
    } else {
        quote!(::core::option::Option::None)
    };
    Some(if options.json.is_some() {
        quote_spanned!(span=> #private::bind_json::<#ty>(bindings, #name, &self.#member)?;)
    } else if let Some(target) = &options.into {
        quote_spanned!(span=> #private::bind_into::<#ty, #target>(bindings, #name, &self.#member)?;)
    } else {
        quote_spanned!(span=> #private::bind::<#ty>(bindings, #name, &self.#member)?;)
    })
}
