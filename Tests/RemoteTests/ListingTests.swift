import Bytes
import TestSupport
import Testing

@testable import Remote

/// Lists of files that stores answer: they are hostile as files are.
struct ListingTests {
  @Test func aPageOfABucket() throws {
    let page = """
      <?xml version="1.0" encoding="UTF-8"?>
      <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><IsTruncated>true</IsTruncated>
      <Contents><Key>a/b &amp; c.json</Key><Size>12</Size><ETag>&quot;x&quot;</ETag><Owner><ID>Key</ID></Owner></Contents>
      <Contents><Key>d</Key><Size>-1</Size></Contents><NextContinuationToken>n/+=</NextContinuationToken>
      <CommonPrefixes><Prefix>e/</Prefix></CommonPrefixes></ListBucketResult>
      """
    let listing = try #require(BucketListing(Array(page.utf8)))
    #expect(listing.objects.map(\.key) == ["a/b & c.json", "d"])
    #expect(listing.objects.map(\.byteCount) == [12, -1])
    #expect(listing.objects[0].tag == "\"x\"" && listing.nextPage == "n/+=")
    #expect(BucketListing(Array("<Error><Code>NoSuchBucket</Code></Error>".utf8))?.errorCode == "NoSuchBucket")
  }

  @Test(arguments: [
    "", "<html></html>", "<ListBucketResult>", "{}", "<ListBucketResult><Contents></ListBucketResult>",
    "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c SYSTEM \"file:///etc/passwd\">]>"
      + "<x>&b;&c;</x>",
  ])
  func noPageOfABucket(_ text: String) { #expect(BucketListing(Array(text.utf8)) == nil) }

  @Test func namesThatLeadOutAreLeftOut() {
    let file = FileListing.File(byteCount: 1, version: "", sha256: nil)
    let names = [
      "a", "b/c", "b/d/e", "../x", "b/../x", "/etc/passwd", "b//c", "", ".", "b/.", "a\\b", "a\u{1B}b", "a\nb", "n/",
    ]
    let listing = FileListing(names.map { ($0, file) })
    #expect(listing.names(in: "") == ["a", "b"])
    #expect(listing.names(in: "b") == ["c", "d"])
    #expect(listing.entry("b/d") == .folder && listing.entry("b/d/e") == .file(byteCount: 1))
    #expect(listing.entry("../x") == nil && listing.entry("b/x") == nil && listing.entry("") == .folder)
  }

  @Test func treesOfTheHub() throws {
    let tree = """
      [{"type":"directory","path":"d"},{"type":"file","path":"config.json","size":7,"oid":"\(String(repeating: "a", count: 40))"},
       {"type":"file","path":"m.safetensors","size":9,"oid":"b","lfs":{"oid":"\(String(repeating: "C", count: 64))","size":10}},
       {"type":"file","path":7,"size":1},{"type":"file","path":"x","size":-1},{"type":"file","path":"y","size":"1"},3]
      """
    let files = try #require(HubAnswers.files(Array(tree.utf8)))
    let listing = FileListing(files)
    #expect(listing.names(in: "") == ["config.json", "m.safetensors"])
    #expect(listing.file("m.safetensors")?.byteCount == 10)
    #expect(listing.file("m.safetensors")?.sha256 == String(repeating: "c", count: 64))
    #expect(HubAnswers.files(Array("{}".utf8)) == nil)
    #expect(HubAnswers.commit(Array("{\"sha\":\"../../x\"}".utf8)) == nil)
    #expect(HubAnswers.nextPage("<https://h/a?b=1>; rel=\"next\", <x>; rel=\"last\"") == "https://h/a?b=1")
    #expect(HubAnswers.nextPage("<x>; rel=\"last\"") == nil && HubAnswers.nextPage(">x<; rel=\"next\"") == nil)
  }

  // MARK: - The hub

  private static let commit = String(repeating: "1", count: 40)

  /// A hub with one repository, whose large file has the digest of `digestOf`.
  private static func hub(_ bytes: [UInt8], digestOf: [UInt8]? = nil, next: String? = nil) throws -> LoopbackServer {
    try LoopbackServer { request in
      switch request.path {
      case "/api/models/org/name/revision/main": return .init(200, body: Array("{\"sha\":\"\(commit)\"}".utf8))
      case "/api/models/org/name/tree/\(commit)":
        let oid = SHA256.hexadecimal(of: digestOf ?? bytes)
        let tree =
          "[{\"type\":\"file\",\"path\":\"m.gguf\",\"size\":\(bytes.count),\"lfs\":{\"oid\":\"\(oid)\",\"size\":\(bytes.count)}}]"
        return .init(200, next.map { ["Link": "<\($0)>; rel=\"next\""] } ?? [:], body: Array(tree.utf8))
      case "/org/name/resolve/\(commit)/m.gguf": return .file(bytes, to: request)
      default: return .init(404)
      }
    }
  }

  @Test(arguments: [5, 70_000, 5 << 20])
  func theDigestThatTheHubTellsIsChecked(_ count: Int) throws {
    let bytes = sampleBytes(count)
    let good = try Self.hub(bytes)
    #expect(try Stores(["HF_ENDPOINT": good.address]).bytes(of: "hf://org/name@main/m.gguf") == bytes)
    let bad = try Self.hub(bytes, digestOf: bytes + [1])
    let error = try Stores(["HF_ENDPOINT": bad.address]).failure("hf://org/name@main/m.gguf")
    #expect(error.code == .mismatch && error.message.contains("SHA-256"), "\(error)")
  }

  @Test func theTokenIsForTheEndpointAlone() throws {
    let elsewhere = try LoopbackServer { _ in .init(200, body: Array("[]".utf8)) }
    let server = try Self.hub([1], next: elsewhere.address + "/more")
    let error = try Stores(["HF_ENDPOINT": server.address, "HF_TOKEN": "secret"]).failure("hf://org/name@main/m.gguf")
    #expect(error.message.contains("elsewhere") && !error.description.contains("secret"))
    #expect(elsewhere.requests.isEmpty)
    #expect(server.requests.allSatisfy { $0.fields["authorization"] == "Bearer secret" })
  }

  @Test func withoutANetworkNothingIsAsked() throws {
    let server = try Self.hub([1])
    let error = try Stores(["HF_ENDPOINT": server.address, "HF_HUB_OFFLINE": "1"]).failure("hf://org/name@main/m.gguf")
    #expect(error.message.contains("HF_HUB_OFFLINE") && server.requests.isEmpty)
  }

  @Test("The cache comes first, where all of it is there")
  func theCache() throws {
    let folder = try TemporaryFolder()
    let snapshot = "hub/models--org--name/snapshots/\(Self.commit)"
    try folder.makeFolder("hub/models--org--name/refs")
    try folder.makeFolder(snapshot)
    try folder.write(Self.commit.utf8, to: "hub/models--org--name/refs/main")
    let index = #"{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#
    try folder.write(index.utf8, to: snapshot + "/model.safetensors.index.json")
    try folder.write([1], to: snapshot + "/1.safetensors")
    func path(_ word: String) throws -> String? {
      try Stores(["HF_HOME": folder.path]).access.stores.last?.path(naming: word)
    }
    #expect(try path("org/name") == "hf://org/name@main")
    try folder.write([1], to: snapshot + "/2.safetensors")
    for word in ["org/name", "org/name@main", "org/name@\(Self.commit)", "hf://org/name"] {
      #expect(try path(word) == folder.file(snapshot))
    }
    #expect(try path("hf://org/name/1.safetensors") == folder.file(snapshot + "/1.safetensors"))
    #expect(try path("hf://org/name/3.safetensors") == "hf://org/name@main/3.safetensors")
    #expect(try path("org/name@v2") == "hf://org/name@v2")
    #expect(try path("org/name.gguf") == nil && path("org/name/") == nil && path("org/name/file") == nil)
  }
}
