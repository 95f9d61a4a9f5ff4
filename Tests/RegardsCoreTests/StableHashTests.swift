import RegardsCore
import Testing

@Suite struct StableHashTests {
    /// The published vectors of SipHash-2-4: key 00 01 … 0f, and the messages of no byte, 00, 00 01, ….
    static let published: [UInt64] = [
        0x726f_db47_dd0e_0e31, 0x74f8_39c5_93dc_67fd, 0x0d6c_8009_d9a9_4f5a, 0x8567_6696_d7fb_7e2d, 0xcf27_94e0_2771_87b7,
        0x1876_5564_cd99_a68d, 0xcbc9_466e_58fe_e3ce, 0xab02_00f5_8b01_d137, 0x93f5_f579_9a93_2462, 0x9e00_82df_0ba9_e4b0,
        0x7a5d_bbc5_94dd_b9f3, 0xf4b3_2f46_226b_ada7, 0x751e_8fbc_860e_e5fb, 0x14ea_5627_c084_3d90, 0xf723_ca90_8e7a_f2ee,
        0xa129_ca61_49be_45e5, 0x3f2a_cc7f_57c2_9bdb,
    ]

    @Test func thePublishedVectors() {
        for (count, expected) in Self.published.enumerated() {
            var hash = StableHash(key0: 0x0706_0504_0302_0100, key1: 0x0f0e_0d0c_0b0a_0908)
            for byte in 0..<count { hash.add(byte: UInt8(byte)) }
            #expect(hash.value() == expected, "message of \(count) bytes")
        }
    }

    /// Stored data depends on these numbers: a change of any of them is a change of format.
    static let pinned: [(parts: [String], value: UInt64)] = [
        ([], 0x0021_3783_48e2_364b), ([""], 0xab32_8fe6_04d5_cc16), (["birthday-card", "17"], 0x6253_9813_e3eb_aa8f),
        (["birthday-card1", "7"], 0xcb05_8249_54ce_4698), (["王小明"], 0x83c8_9c7e_2b53_f765),
    ]

    @Test func ours() {
        for (parts, expected) in Self.pinned {
            var hash = StableHash()
            for part in parts { hash.add(part) }
            #expect(hash.value() == expected, "\(parts)")
        }
        #expect(StableHash.of("birthday-card", "17") == 0x6253_9813_e3eb_aa8f)
    }

    @Test func partsDoNotRunTogether() {
        #expect(StableHash.of("ab", "c") != StableHash.of("a", "bc"))
        #expect(StableHash.of("a") != StableHash.of("a", ""))
        #expect(StableHash.of("a", "b") == StableHash.of("a", "b"))
    }

    @Test func askingDoesNotChangeTheState() {
        var hash = StableHash()
        hash.add("a")
        let first = hash.value()
        #expect(hash.value() == first)
        hash.add("b")
        #expect(hash.value() == StableHash.of("a", "b"))
    }
}
