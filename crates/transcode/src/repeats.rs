//! Transport streams in which packets come twice, which is legal (ISO/IEC 13818-1, 2.4.3.3: a duplicate packet has the
//! continuity counter of the one before), and of which ffmpeg takes both for the payload: a copy without them.
//!
//! Packets are compared and copied whole; what is in them is not looked at.

use crate::sniff::{Container, packets_of};
use crate::{Error, Result};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// How much of a file is looked at for repeated packets.
const WITHIN: u64 = 1 << 20;
/// Bytes of a packet without what recorders put before it.
const PACKET: usize = 188;
/// Padding, which has no continuity.
const PADDING: u16 = 0x1fff;

/// A copy of a transport stream without its repeated packets, in a folder; `None` where it has none. It goes when it is dropped.
pub(crate) fn without(
    path: &Path,
    container: Container,
    folder: &Path,
) -> Result<Option<NamedTempFile>> {
    if container != Container::TransportStream {
        return Ok(None);
    }
    let open = || File::open(path).map_err(Error::io("read the file"));
    let mut start = Vec::new();
    let mut beginning = open()?.take(WITHIN);
    beginning
        .read_to_end(&mut start)
        .map_err(Error::io("read the file"))?;
    let (before, length) = packets_of(&start);
    let mut seen = Seen::default();
    let mut packets = start.chunks_exact(length);
    if !packets.any(|packet| seen.repeats(&packet[before..])) {
        return Ok(None);
    }
    let copy = NamedTempFile::new_in(folder).map_err(Error::io("make a copy of the file"))?;
    let mut from = BufReader::with_capacity(1 << 20, open()?);
    let mut to = BufWriter::with_capacity(1 << 20, copy.as_file());
    let mut seen = Seen::default();
    let mut packet = vec![0; length];
    // What is cut short at the end is no packet.
    while read_whole(&mut from, &mut packet)? {
        if !seen.repeats(&packet[before..]) {
            to.write_all(&packet)
                .map_err(Error::io("write a copy of the file"))?;
        }
    }
    to.flush().map_err(Error::io("write a copy of the file"))?;
    drop(to);
    Ok(Some(copy))
}

fn read_whole(from: &mut impl Read, packet: &mut [u8]) -> Result<bool> {
    match from.read_exact(packet) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Error::io("read the file")(error)),
    }
}

/// The last packet of each kind.
#[derive(Default)]
struct Seen(HashMap<u16, [u8; PACKET]>);

impl Seen {
    /// Whether a packet is the one before of its kind once more.
    fn repeats(&mut self, packet: &[u8]) -> bool {
        let Some(packet) = packet.first_chunk::<PACKET>() else {
            return false;
        };
        let kind = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let has_payload = packet[3] & 0x10 != 0;
        if packet[0] != 0x47 || kind == PADDING || !has_payload {
            return false;
        }
        let last = self.0.insert(kind, *packet);
        last.is_some_and(|last| same(&last, packet))
    }
}

/// All but a clock, which a repeated packet has of its own time, is the same.
fn same(one: &[u8; PACKET], other: &[u8; PACKET]) -> bool {
    let has_clock = one[3] & 0x20 != 0 && one[4] >= 7 && one[5] & 0x10 != 0;
    let behind = if has_clock { 12 } else { 6 };
    one[..6] == other[..6] && one[behind..] == other[behind..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8, counter: u8, fill: u8) -> [u8; PACKET] {
        let mut packet = [fill; PACKET];
        packet[..4].copy_from_slice(&[0x47, 0, kind, 0x10 | counter]);
        packet
    }

    fn check(packets: &[[u8; PACKET]], left: Option<usize>) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.ts");
        std::fs::write(&path, packets.concat()).expect("written");
        let copy = without(&path, Container::TransportStream, dir.path()).expect("read");
        let found = copy.map(|copy| copy.path().metadata().expect("a file").len());
        assert_eq!(found, left.map(|packets| (packets * PACKET) as u64));
    }

    #[test]
    fn a_packet_that_comes_twice_is_left_out_once() {
        let (one, two, other) = (packet(1, 1, 7), packet(1, 2, 7), packet(2, 1, 7));
        check(&[one, two, other, one, two], None);
        check(&[one, one, two, two, other, other], Some(3));
        // Between them lie packets of another kind.
        check(&[one, other, one, two, two], Some(3));
        // The same counter with another payload is no repetition, nor is padding.
        check(&[one, packet(1, 1, 8), two, two], Some(3));
        let padding = [0x47, 0x1f, 0xff, 0x10]
            .into_iter()
            .chain([0xff; PACKET - 4]);
        let padding: Vec<u8> = padding.collect();
        let padding: [u8; PACKET] = padding.try_into().expect("a packet");
        check(&[padding, padding, one], None);
        // The clock of the repetition is later.
        let mut clocked = one;
        clocked[3..12].copy_from_slice(&[0x31, 7, 0x10, 0, 0, 0, 1, 0, 0]);
        let mut later = clocked;
        later[9] = 2;
        check(&[clocked, later, two], Some(2));
    }
}
