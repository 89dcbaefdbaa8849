import Bytes
import TestSupport
import Testing

@testable import Remote

/// What words of a command line stand for, and what is secret in them.
struct AddressTests {
  @Test(arguments: [
    ("https://host/a/b.gguf", "https://host/a/b.gguf"), ("HTTPS://Host:443/a/", "https://host:443/a/"),
    ("https://u:p@host/a/?sig=1#x", "https://host/a/"), ("https://host", "https://host/"),
    ("http://127.0.0.1:80/a b", "http://127.0.0.1:80/a%20b"), ("https://host/a//b", "https://host/a//b"),
    ("--imatrix=https://host/i?sig=1", "--imatrix=https://host/i"),
    ("--set=a=https://host/?x", "--set=a=https://host/?x"),
    ("model", "model"), ("org/name", "org/name"), ("s3://bucket/key?x", "s3://bucket/key?x"), ("", ""),
  ])
  func wordsWithoutSecrets(_ word: String, _ path: String) throws {
    #expect(try Stores().access.withoutSecrets(word) == path)
  }

  @Test(arguments: ["https://", "http://[::1/x", "https://u:pa55@ho st/?pa55"])
  func whatIsNoAddress(_ word: String) throws {
    let error = #expect(throws: FileError.self) { try Stores().access.withoutSecrets(word) }
    #expect(error?.description.contains("pa55") == false)
  }

  @Test(arguments: ["http://u:p@example.org/", "http://u:p@127.0.0.1.example.org/", "http://u:p@127.example.org/"])
  func aPasswordIsNotSentUnencrypted(_ word: String) throws {
    #expect(throws: FileError.self) { try Stores().access.withoutSecrets(word) }
  }

  @Test(
    arguments: [
      ("https://host", "https://host"), ("http://host:80//", "http://host:80"),
      ("mirror.example", "https://mirror.example"),
      ("", nil),
    ] as [(String, String?)])
  func aServerIsEncryptedWhereNothingElseIsSaid(_ value: String, _ server: String?) {
    #expect(RemoteEnvironment(["HF_ENDPOINT": value]).server("HF_ENDPOINT") == server)
  }

  @Test("What is secret of a folder is for what is in it; of a file for that alone")
  func secretsAreForTheirAddress() throws {
    let server = try LoopbackServer { .file([1], to: $0) }
    let stores = Stores()
    for word in ["/in/?folder-secret", "/in/deep/f?file-secret", "/by/g?other"] {
      _ = try stores.access.withoutSecrets(server.address + word)
    }
    for path in ["/in/a", "/in/deep/f", "/in/deep/g", "/by/g", "/h", "/inn/a"] {
      #expect(try stores.bytes(of: server.address + path) == [1])
    }
    #expect(
      server.requests.map(\.target) == [
        "/in/a?folder-secret", "/in/deep/f?file-secret", "/in/deep/g?folder-secret", "/by/g?other", "/h", "/inn/a",
      ])
    #expect(throws: FileError.self) { try stores.access.withoutSecrets(server.address + "/by/g?different") }
  }

  @Test(
    arguments: [
      ("org/name", "org/name", nil, ""), ("org/name@main", "org/name", "main", ""),
      ("org/name/a/b.gguf", "org/name", nil, "a/b.gguf"),
      ("org/name@v1/a", "org/name", "v1", "a"), ("org/name/", "org/name", nil, ""),
      ("org/name/a/", "org/name", nil, "a"), ("org/name@refs/pr/12/a", "org/name", "refs/pr/12", "a"),
      ("org/name@refs%2Fpr%2F1", "org/name", "refs/pr/1", ""), ("o-r.g/N_1.5-GGUF", "o-r.g/N_1.5-GGUF", nil, ""),
    ] as [(String, String, String?, String)])
  func namesOfTheHub(_ text: String, _ repository: String, _ revision: String?, _ file: String) throws {
    let name = try #require(HubName(text))
    #expect(name.repository == repository && name.revision == revision && name.file == file)
  }

  @Test(arguments: [
    "name", "./org/name", "/org/name", "../org/name", "org//name", "org/../x", "org/na me", "~/name", "org/", "/", "",
    "a:b/c",
    "org/name@", "org/name//a", "org/name@refs//pr/1", "org/name@../x", "org/name/../../x", "org/name@a/../b",
    "org/.name", "-o/name", "o/n--m", "ö/n",
  ])
  func noNamesOfTheHub(_ text: String) { #expect(HubName(text) == nil) }

  @Test(arguments: [
    ("bytes 0-9/10", 0..<10, 10), ("bytes 5-5/10", 5..<6, 10), ("BYTES 0-0/1", 0..<1, 1),
    ("bytes 0-9223372036854775806/9223372036854775807", 0..<Int.max, .max),
  ])
  func contentRanges(_ text: String, _ range: Range<Int>, _ total: Int) {
    let found = ContentRange(text)
    #expect(found?.range == range && found?.total == total)
  }

  @Test(arguments: [
    "bytes 9-0/10", "bytes 0-10/10", "bytes 0-9/*", "bytes -1-9/10", "bytes 0-+9/10", "bytes 0-9/99999999999999999999",
    "0-9/10",
    "bytes 0-9", "bytes", "bytes 0-9/10/11", "bytes a-b/c", "bytes 0-9223372036854775807/9223372036854775807",
  ])
  func noContentRanges(_ text: String) { #expect(ContentRange(text) == nil) }

  @Test func partsOfProfiles() {
    let text = """
      # keys
      [default]
      aws_access_key_id = A
      [ other ]
      aws_access_key_id=B
      aws_secret_access_key = s=e/c+ret==
      s3 =
        endpoint_url = https://no
      """
    #expect(BucketSettings.section("default", of: text) == ["aws_access_key_id": "A"])
    #expect(
      BucketSettings.section("other", of: text) == ["aws_access_key_id": "B", "aws_secret_access_key": "s=e/c+ret=="])
    #expect(BucketSettings.section("none", of: text).isEmpty)
  }

  @Test func digestsInBase64() {
    #expect(
      Base64.hexadecimal(ofSHA256: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    for text in ["", "47DEQpj8HBSa-", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-2"] {
      #expect(Base64.hexadecimal(ofSHA256: text) == nil)
    }
  }

  @Test(arguments: 0..<200)
  func blocksCoverAFile(_ seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    let layout = BlockLayout(byteCount: Int.random(in: 1...40 << 20, using: &generator))
    var end = 0
    for number in 0..<layout.count {
      let range = layout.range(of: number)
      #expect(range.lowerBound == end && !range.isEmpty && range.count <= BlockCache.blockSize)
      #expect(layout.number(at: range.lowerBound) == number && layout.number(at: range.upperBound - 1) == number)
      end = range.upperBound
    }
    #expect(end == layout.byteCount)
  }
}
