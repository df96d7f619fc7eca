//! The portal's files. `cargo xtask portal build` writes this list.

/// Path and content of each file.
#[rustfmt::skip]
pub(super) const FILES: &[(&str, &[u8])] = &[
    ("/assets/index-BFBmvKbg.css", include_bytes!("../../../../../ui/dist/assets/index-BFBmvKbg.css")),
    ("/assets/index-xw_TwlgR.js", include_bytes!("../../../../../ui/dist/assets/index-xw_TwlgR.js")),
    ("/assets/rolldown-runtime-WkwZ5CU-.js", include_bytes!("../../../../../ui/dist/assets/rolldown-runtime-WkwZ5CU-.js")),
    ("/assets/vendor-BIrW9AU-.js", include_bytes!("../../../../../ui/dist/assets/vendor-BIrW9AU-.js")),
    ("/favicon.svg", include_bytes!("../../../../../ui/dist/favicon.svg")),
    ("/index.html", include_bytes!("../../../../../ui/dist/index.html")),
    ("/licenses.md", include_bytes!("../../../../../ui/dist/licenses.md")),
];
