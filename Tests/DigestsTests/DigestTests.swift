import Digests
import Testing

@Suite struct DigestTests {
  /// From `xxhsum -H2` 0.8.1.
  @Test(arguments: [
    ("", "99aa06d3014798d86001c324468d497f"), ("a", "a96faf705af16834e6c632b61e964e1f"),
    ("abc", "06b05ab6733a618578af5f94892f3950"),
  ])
  func xxh3(_ text: String, _ digits: String) {
    #expect(FastDigest(of: text).description == digits)
    var stream = FastDigest.Stream()
    for character in text { stream.add(String(character)) }
    #expect(stream.digest == FastDigest(of: text))
  }

  /// From FIPS 180-4's examples.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  ])
  func sha256(_ text: String, _ digits: String) {
    var stream = SHA256Digest.Stream()
    let bytes = Array(text.utf8)
    stream.add(bytes.span.bytes)
    #expect(stream.finish().description == digits)
  }
}
