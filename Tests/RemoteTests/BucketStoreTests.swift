import Bytes
import Synchronization
import TestSupport
import Testing

@testable import Remote

/// Objects of a bucket.
struct BucketStoreTests {
  private static let keys = [
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-key", "AWS_SESSION_TOKEN": "session-token",
    "AWS_REGION": "eu-west-3",
  ]

  /// A bucket `b` that lists two objects a page.
  private static func bucket(_ objects: [String: [UInt8]], sha256: String? = nil) throws -> LoopbackServer {
    let names = objects.keys.sorted()
    return try LoopbackServer { request in
      if request.path == "/b/" {
        let query = request.target.split(separator: "?").last ?? ""
        let start = query.contains("continuation-token=page%2B1") ? 2 : 0
        let contents = names.dropFirst(start).prefix(2).map {
          "<Contents><Key>\($0)</Key><Size>\(objects[$0]?.count ?? 0)</Size><ETag>\"1\"</ETag></Contents>"
        }
        let more = start == 0 && names.count > 2
        let next = more ? "<NextContinuationToken>page+1</NextContinuationToken>" : ""
        let page =
          "<ListBucketResult><IsTruncated>\(more)</IsTruncated>\(contents.joined())\(next)</ListBucketResult>"
        return .init(200, body: Array(page.utf8))
      }
      guard let bytes = objects[String(request.path.dropFirst(3))] else { return .init(404) }
      var reply = LoopbackServer.Reply.file(bytes, to: request)
      if request.method == "HEAD" { reply.fields["x-amz-checksum-sha256"] = sha256 }
      return reply
    }
  }

  @Test func aFolderIsListedPageByPage() throws {
    let files =
      ["m/config.json": [1, 2], "m/sub/x": [3], "m/z.safetensors": sampleBytes(200_000), "m/a b": [7]]
      as [String: [UInt8]]
    let server = try Self.bucket(files.filter { $0.key != "m/a b" })
    let stores = Stores(["AWS_ENDPOINT_URL": server.address])
    let store = try stores.store(of: "s3://b/m/")
    #expect(try store.entry(at: "s3://b/m/") == .folder)
    #expect(try store.names(inFolder: "s3://b/m/") == ["config.json", "sub", "z.safetensors"])
    #expect(try store.names(inFolder: "s3://b/m/sub") == ["x"])
    #expect(try store.entry(at: "s3://b/m/none.json") == nil)
    #expect(try store.entry(at: "s3://b/m/config.json") == .file(byteCount: 2))
    #expect(try stores.bytes(of: "s3://b/m/z.safetensors") == files["m/z.safetensors"])
    #expect(server.requests.count { $0.path == "/b/" } == 2)
    #expect(server.requests.allSatisfy { $0.fields["authorization"] == nil })
  }

  @Test("Requests are signed with everything that S3 wants signed, and hold no key")
  func signatures() throws {
    let server = try Self.bucket(["m/f": [1, 2, 3]])
    let stores = Stores(Self.keys.merging(["AWS_ENDPOINT_URL_S3": server.address]) { $1 })
    #expect(try stores.bytes(of: "s3://b/m/f") == [1, 2, 3])
    _ = try stores.store(of: "s3://b/").names(inFolder: "s3://b/m/")
    for request in server.requests {
      let signature = try #require(request.fields["authorization"])
      #expect(signature.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"))
      #expect(signature.contains("/eu-west-3/s3/aws4_request"))
      for name in ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"] {
        #expect(signature.contains(name), "\(name) is not signed: \(signature)")
      }
      #expect(request.fields["x-amz-security-token"] == "session-token")
      #expect(!request.fields.values.contains { $0.contains("secret-key") } && !request.target.contains("secret-key"))
    }
  }

  @Test func theDigestOfAnObjectIsChecked() throws {
    let bytes = sampleBytes(100_000)
    // Of 32 bytes 0.
    let wrong = String(repeating: "A", count: 43) + "="
    let server = try Self.bucket(["f": bytes], sha256: wrong)
    let error = try Stores(["AWS_ENDPOINT_URL": server.address]).failure("s3://b/f")
    #expect(error.code == .mismatch && error.message.contains("SHA-256"), "\(error)")
    // That of an object in parts is a digest of digests.
    let inParts = try Self.bucket(["f": bytes], sha256: wrong + "-2")
    #expect(try Stores(["AWS_ENDPOINT_URL": inParts.address]).bytes(of: "s3://b/f") == bytes)
  }

  @Test func aBucketOfAnotherRegionIsAskedThere() throws {
    let server = try LoopbackServer { request in
      request.fields["authorization"]?.contains("/us-west-2/") == true
        ? .file([1], to: request) : .init(400, ["x-amz-bucket-region": "us-west-2"])
    }
    let stores = Stores(Self.keys.merging(["AWS_ENDPOINT_URL": server.address]) { $1 })
    #expect(try stores.bytes(of: "s3://b/f") == [1])
  }

  @Test func redirectsAreNotFollowed() throws {
    let other = try LoopbackServer(files: ["/b/f": [1]])
    let place = other.address + "/b/f"
    let server = try LoopbackServer { _ in .init(302, ["Location": place]) }
    #expect(try Stores(["AWS_ENDPOINT_URL": server.address]).failure("s3://b/f").message.contains("not followed"))
    #expect(other.requests.isEmpty)
  }

  @Test(arguments: [
    ("s3://bucket/a/b", "s3://bucket/a/b"), ("S3://bucket", "s3://bucket/"),
    ("s3://b.c-d_e/k//x/", "s3://b.c-d_e/k//x/"),
  ])
  func words(_ word: String, _ path: String) throws {
    #expect(try Stores().store(of: "s3://").path(naming: word) == path)
  }

  @Test(arguments: ["s3://", "s3:///key", "s3://key:pa55@bucket/x", "s3://a b/x", "s3://../x", "s3://b\u{E9}/x"])
  func noBuckets(_ word: String) throws {
    let error = #expect(throws: FileError.self) { try Stores().store(of: "s3://").path(naming: word) }
    #expect(error?.description.contains("pa55") == false)
  }

  @Test func profilesAreRead() throws {
    let folder = try TemporaryFolder()
    try folder.write("[p]\naws_access_key_id = A\naws_secret_access_key = B\n".utf8, to: "credentials")
    try folder.write("[profile p]\nregion = r-1\nendpoint_url = https://e/\n".utf8, to: "config")
    let files = [
      "AWS_SHARED_CREDENTIALS_FILE": folder.file("credentials"), "AWS_CONFIG_FILE": folder.file("config"),
    ]
    let settings = BucketSettings(RemoteEnvironment(files.merging(["AWS_PROFILE": "p"]) { $1 }))
    #expect(settings.keys?.identifier == "A" && settings.keys?.secret == "B" && settings.region == "r-1")
    #expect(settings.endpoint == "https://e")
    #expect(BucketSettings(RemoteEnvironment(files)).keys == nil)
  }
}
