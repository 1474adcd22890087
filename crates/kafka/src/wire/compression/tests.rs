use bytes::Bytes;

use super::*;

const LIMIT: usize = 1 << 20;

/// Bytes that compress somewhat: words by a small generator.
fn text(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word = ["offset", "epoch ", "leader", "\"id\":", "0", "17"][(state >> 24) as usize % 6];
        out.extend_from_slice(word.as_bytes());
    }
    out.truncate(len);
    out
}

fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect()
}

fn pack(codec: Compression, input: &[u8]) -> Bytes {
    let mut out = Vec::new();
    Compressor::new().compress(codec, input, &mut out).unwrap();
    out.into()
}

#[test]
fn contexts_move_between_threads() {
    fn send<T: Send>() {}
    send::<Compressor>();
    send::<Decompressor>();
}

#[test]
fn attribute_bits_and_names() {
    for codec in Compression::ALL {
        assert_eq!(Compression::from_attributes(codec.attribute_bits() | 0x38), Ok(codec));
        assert_eq!(Compression::from_name(codec.name()), Some(codec));
    }
    assert_eq!(Compression::from_attributes(5), Err(5));
    assert_eq!(Compression::from_name("GZIP"), None);
}

#[test]
fn round_trips_with_reused_contexts() {
    let mut compressor = Compressor::new();
    let mut decompressor = Decompressor::new();
    for len in [0, 1, 2, 31, 32 << 10, (32 << 10) + 1, 64 << 10, (64 << 10) + 1, 300_000] {
        for input in [text(len, 7), noise(len, 9), vec![0; len]] {
            for codec in Compression::ALL {
                let mut packed = b"before".to_vec();
                compressor.compress(codec, &input, &mut packed).unwrap();
                let packed = Bytes::from(packed).slice(6..);
                let output = decompressor.decompress(codec, &packed, len).unwrap();
                assert!(output == input, "{codec} of {len} bytes");
                if len > 0 {
                    assert_eq!(
                        decompressor.decompress(codec, &packed, len - 1),
                        Err(DecompressError::TooLarge { limit: len - 1 }),
                        "{codec} of {len} bytes"
                    );
                }
            }
        }
    }
}

#[test]
fn levels_are_those_of_the_java_client() {
    let mut compressor = Compressor::new();
    for (codec, level, valid) in [
        (Compression::Gzip, -1, true),
        (Compression::Gzip, 0, false),
        (Compression::Gzip, 9, true),
        (Compression::Gzip, 10, false),
        (Compression::Lz4, 9, true),
        (Compression::Lz4, 18, false),
        (Compression::Zstd, 22, true),
        (Compression::Zstd, -131_072, true),
        (Compression::Zstd, 23, false),
        (Compression::Snappy, 1, false),
        (Compression::None, 0, false),
    ] {
        let set = compressor.set_level(codec, level);
        assert_eq!(set.is_ok(), valid, "{codec} {level}");
    }
    let error = LevelError { codec: Compression::Gzip, level: 0 };
    assert_eq!(error.to_string(), "compression level 0 is not valid for gzip: 1 to 9 are");
    let input = text(100_000, 3);
    let mut sizes = Vec::new();
    for level in [1, 9] {
        compressor.set_level(Compression::Gzip, level).unwrap();
        let mut out = Vec::new();
        compressor.compress(Compression::Gzip, &input, &mut out).unwrap();
        sizes.push(out.len());
    }
    assert!(sizes[1] < sizes[0], "{sizes:?}");
}

#[test]
fn every_truncation_is_an_error_or_whole() {
    let input = text(5000, 1);
    let mut decompressor = Decompressor::new();
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let packed = pack(codec, &input);
        for len in 0..packed.len() {
            let cut = packed.slice(..len);
            // The xerial framing has no end mark: cut between blocks it is a shorter stream.
            let empty_xerial = codec == Compression::Snappy && len == 16;
            match decompressor.decompress(codec, &cut, LIMIT) {
                Ok(output) => assert!(empty_xerial && output.is_empty(), "{codec} cut at {len}"),
                Err(DecompressError::Corrupt { .. }) => {}
                Err(error) => panic!("{codec} cut at {len}: {error}"),
            }
        }
    }
}

#[test]
fn mutations_never_panic_and_respect_the_limit() {
    let input = text(3000, 5);
    let mut decompressor = Decompressor::new();
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let packed = pack(codec, &input);
        let random = noise(4000, 11);
        for pair in random.chunks_exact(4) {
            let mut bytes = packed.to_vec();
            let at = usize::from(u16::from_le_bytes([pair[0], pair[1]])) % bytes.len();
            bytes[at] ^= pair[2] | 1;
            if let Ok(output) = decompressor.decompress(codec, &bytes.into(), 10_000) {
                assert!(output.len() <= 10_000);
            }
        }
    }
}

#[test]
fn xerial_framing_equals_the_java_client() {
    let packed = pack(Compression::Snappy, b"abc");
    let expected =
        [b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".as_slice(), b"\0\0\0\x05", b"\x03\x08abc"].concat();
    assert_eq!(packed, expected);
    let two_blocks = pack(Compression::Snappy, &noise((32 << 10) + 5, 1));
    let first = u32::from_be_bytes(two_blocks[16..20].try_into().unwrap()) as usize;
    let second = u32::from_be_bytes(two_blocks[20 + first..24 + first].try_into().unwrap());
    assert_eq!(20 + first + 4 + second as usize, two_blocks.len());
}

#[test]
fn snappy_reads_raw_blocks_and_joined_streams() {
    let mut decompressor = Decompressor::new();
    let raw = Bytes::from(snap::raw::Encoder::new().compress_vec(b"raw raw raw").unwrap());
    let read =
        |d: &mut Decompressor, bytes: &Bytes| d.decompress(Compression::Snappy, bytes, LIMIT);
    assert_eq!(read(&mut decompressor, &raw).unwrap(), "raw raw raw");
    let joined = Bytes::from(
        [pack(Compression::Snappy, b"one "), pack(Compression::Snappy, b"two")].concat(),
    );
    assert_eq!(read(&mut decompressor, &joined).unwrap(), "one two");
}

#[test]
fn gzip_reads_optional_fields_and_members() {
    let plain = pack(Compression::Gzip, b"hello ");
    let mut fields = vec![0x1f, 0x8b, 8, 0b1_1110, 0, 0, 0, 0, 0, 3];
    fields.extend_from_slice(b"\x03\0xyzname\0comment\0\x12\x34");
    fields.extend_from_slice(&plain[10..]);
    let joined = Bytes::from([fields, pack(Compression::Gzip, b"world").to_vec()].concat());
    let output = Decompressor::new().decompress(Compression::Gzip, &joined, LIMIT).unwrap();
    assert_eq!(output, "hello world");
}

#[test]
fn lz4_frame_equals_the_java_client_and_options_are_read() {
    let packed = pack(Compression::Lz4, b"abc");
    // Stored block: three bytes do not shrink. 0x82 is the check byte of flags 0x60, size 0x40.
    let expected = b"\x04\x22\x4d\x18\x60\x40\x82\x03\0\0\x80abc\0\0\0\0";
    assert_eq!(packed, expected.as_slice());

    let input = text(200_000, 2);
    let mut decompressor = Decompressor::new();
    for mode in [lz4_flex::frame::BlockMode::Independent, lz4_flex::frame::BlockMode::Linked] {
        for size in [lz4_flex::frame::BlockSize::Max64KB, lz4_flex::frame::BlockSize::Max4MB] {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_mode(mode)
                .block_size(size)
                .block_checksums(true)
                .content_checksum(true)
                .content_size(Some(input.len() as u64));
            let mut encoder =
                lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::<u8>::new());
            std::io::Write::write_all(&mut encoder, &input).unwrap();
            let mut frame = encoder.finish().unwrap();
            let output = decompressor
                .decompress(Compression::Lz4, &Bytes::from(frame.clone()), LIMIT)
                .unwrap();
            assert!(output == input, "{mode:?} {size:?}");
            let last = frame.len() - 1;
            frame[last] ^= 1;
            let damaged = decompressor.decompress(Compression::Lz4, &frame.into(), LIMIT);
            assert!(damaged.is_err(), "{mode:?} {size:?}");
        }
    }
    let ours = pack(Compression::Lz4, &input);
    let mut theirs = Vec::new();
    std::io::Read::read_to_end(&mut lz4_flex::frame::FrameDecoder::new(ours.as_ref()), &mut theirs)
        .unwrap();
    assert!(theirs == input);
}

#[test]
fn zstd_reads_frames_without_size_and_joined_frames() {
    let input = text(400_000, 4);
    let mut streamed = ::zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    std::io::Write::write_all(&mut streamed, &input).unwrap();
    let joined = Bytes::from(
        [streamed.finish().unwrap(), pack(Compression::Zstd, b"tail").to_vec()].concat(),
    );
    let output = Decompressor::new().decompress(Compression::Zstd, &joined, LIMIT).unwrap();
    assert!(output == [input.as_slice(), b"tail"].concat());
}

#[test]
fn declared_sizes_out_of_reach_are_refused_before_allocating() {
    let mut decompressor = Decompressor::new();
    // Raw snappy that declares 2^32 - 1 bytes in ten.
    let snappy = Bytes::from_static(b"\xff\xff\xff\xff\x0f\x00aaaa");
    let error = decompressor.decompress(Compression::Snappy, &snappy, usize::MAX >> 1);
    assert!(matches!(error, Err(DecompressError::Corrupt { .. })), "{error:?}");
    // A zstd frame whose window is 2 GiB.
    let zstd = Bytes::from_static(b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00");
    let error = decompressor.decompress(Compression::Zstd, &zstd, LIMIT);
    assert!(matches!(error, Err(DecompressError::Corrupt { .. })), "{error:?}");
}

#[test]
fn memory_is_reused_once_readers_are_gone() {
    let packed = pack(Compression::Lz4, &text(50_000, 8));
    let mut decompressor = Decompressor::new();
    let first = decompressor.decompress(Compression::Lz4, &packed, LIMIT).unwrap();
    let held = first.slice(10..20);
    let address = first.as_ptr();
    drop(first);
    let second = decompressor.decompress(Compression::Lz4, &packed, LIMIT).unwrap();
    assert_ne!(second.as_ptr(), address);
    assert_eq!(held, second.slice(10..20));
    drop(held);
    let third = decompressor.decompress(Compression::Lz4, &packed, LIMIT).unwrap();
    assert_eq!(third.as_ptr(), address);
    assert_eq!(third, second);
}

#[test]
fn the_expected_ratio_rises_fast_and_falls_slowly() {
    let mut compressor = Compressor::new();
    let mut out = Vec::new();
    for _ in 0..10 {
        compressor.compress(Compression::Lz4, &[0; 10_000], &mut out).unwrap();
    }
    assert_eq!(compressor.ratio_permille(Compression::Lz4), 950);
    compressor.compress(Compression::Lz4, &noise(10_000, 3), &mut out).unwrap();
    assert!(compressor.ratio_permille(Compression::Lz4) >= 1000);
    assert_eq!(compressor.ratio_permille(Compression::Zstd), 1000);
}
