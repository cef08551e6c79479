//! The boxes that Reelpack reads, one a file.

macro_rules! boxes {
    ($($name:ident::$kind:ident),+ $(,)?) => {
        $(mod $name; pub use $name::$kind;)+
    };
}

boxes! {
    elst::Edit,
    frma_schm::Scheme,
    ftyp::Ftyp,
    hdlr::Hdlr,
    mdhd::Mdhd,
    mvhd::Mvhd,
    pssh::Pssh,
    saio::Saio,
    saiz::Saiz,
    sbgp::Sbgp,
    senc::Senc,
    sgpd::Sgpd,
    sidx::Sidx,
    stsz::Stsz,
    table::Table,
    tenc::Tenc,
    tfdt::Tfdt,
    tfhd::Tfhd,
    tkhd::Tkhd,
    trex::Trex,
    trun::Trun,
}

pub use elst::parse_edits;
pub use frma_schm::parse_protection;
pub use senc::{SampleAuxiliary, Subsample};
pub use sidx::Reference;
