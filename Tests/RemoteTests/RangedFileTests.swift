import Bytes
import Synchronization
import TestSupport
import Testing

@testable import Remote

/// One file of a web server.
struct RangedFileTests {
  private typealias Server = LoopbackServer
  /// Longer than four blocks.
  private static let bytes = sampleBytes(14 << 20)

  @Test(arguments: [0, 1, 1000, 64 << 10, (64 << 10) + 1, 1 << 20, (4 << 20) + 7])
  func everyLengthIsReadWhole(_ count: Int) throws {
    let bytes = Array(Self.bytes.prefix(count))
    let server = try Server(files: ["/f": bytes])
    #expect(try Stores().bytes(of: server.address + "/f") == bytes)
  }

  @Test func eachByteIsFetchedOnce() throws {
    let server = try Server(files: ["/f": Self.bytes])
    #expect(try Stores().bytes(of: server.address + "/f") == Self.bytes)
    let ranges = server.requests.compactMap(\.range).sorted { $0.lowerBound < $1.lowerBound }
    for (one, next) in zip(ranges, ranges.dropFirst()) { #expect(one.upperBound + 1 == next.lowerBound) }
    #expect(ranges.first?.lowerBound == 0 && (ranges.last?.upperBound ?? 0) >= Self.bytes.count - 1)
  }

  @Test func ofAHeaderLittleIsFetched() throws {
    let server = try Server(files: ["/f": Self.bytes])
    let file = try Stores().open(server.address + "/f")
    #expect(try Stores.bytes(of: file, 0..<8) == Array(Self.bytes.prefix(8)))
    #expect(try Stores.bytes(of: file, 8..<5000) == Array(Self.bytes[8..<5000]))
    #expect(server.requests.count == 1)
  }

  @Test("Workers that read side by side, each somewhere else, get their own bytes")
  func sideBySide() async throws {
    let server = try Server(files: ["/f": Self.bytes])
    let file = try Stores().open(server.address + "/f")
    let failures = Mutex(0)
    try await Workers(count: 8).forEach(14) { item, _ in
      let range = item << 20..<(item + 1) << 20
      if try Stores.bytes(of: file, range) != Array(Self.bytes[range]) { failures.withLock { $0 += 1 } }
    }
    #expect(failures.withLock { $0 } == 0)
  }

  @Test(arguments: [429, 500, 502, 503, 504, 408])
  func whatMayPassIsAskedForAgain(_ status: Int) throws {
    let asked = Mutex<[Int: Int]>([:])
    let server = try Server { request in
      let count = asked.withLock { asked in
        asked[request.range?.lowerBound ?? 0, default: 0] += 1
        return asked[request.range?.lowerBound ?? 0] ?? 0
      }
      return count == 3 ? .file(Self.bytes, to: request) : .init(status, ["Retry-After": "0"])
    }
    #expect(try Stores().bytes(of: server.address + "/f") == Self.bytes)
  }

  @Test func aConnectionThatBreaksOffIsMadeAgain() throws {
    let server = try Server { request in
      var reply = Server.Reply.file(Self.bytes, to: request)
      if request.number % 2 == 1 { reply.sent = reply.body.count / 2 }
      return reply
    }
    #expect(try Stores().bytes(of: server.address + "/f") == Self.bytes)
  }

  @Test func aServerThatAlwaysBreaksOffIsGivenUp() throws {
    let server = try Server { request in
      var reply = Server.Reply.file(Self.bytes, to: request)
      reply.sent = reply.body.count / 2
      return reply
    }
    let error = try Stores().failure(server.address + "/f")
    #expect(error.code == .system && error.message.contains("broke off"), "\(error)")
    #expect(server.requests.count == 4)
  }

  @Test func aServerThatStallsIsGivenUp() throws {
    let server = try Server { request in
      var reply = Server.Reply.file(Self.bytes, to: request)
      reply.delay = 30
      return reply
    }
    let error = try Stores(stallSeconds: 1, attempts: 1).failure(server.address + "/f")
    #expect(error.message.contains("in time"), "\(error)")
  }

  @Test func aServerThatIsNotThere() throws {
    let error = try Stores().failure("http://127.0.0.1:9/f")
    #expect(error.message.contains("cannot be reached"), "\(error)")
  }

  @Test func aLongWaitIsNotWaitedFor() throws {
    let server = try Server { _ in .init(503, ["Retry-After": "3600"]) }
    let error = try Stores().failure(server.address + "/f")
    #expect(error.message.contains("HTTP 503") && server.requests.count == 1, "\(error)")
  }

  @Test(arguments: [401, 403, 418, 451, 500])
  func whatIsRefusedIsNotAbsent(_ status: Int) throws {
    let server = try Server { _ in .init(status) }
    let store = try Stores().store(of: server.address)
    #expect(throws: FileError.self) { try store.entry(at: server.address + "/f") }
    #expect(throws: FileError.self) { try store.names(inFolder: server.address + "/") }
  }

  @Test func onlyWhatTheServerDeniesIsAbsent() throws {
    let server = try Server(files: [:])
    #expect(try Stores().store(of: server.address).entry(at: server.address + "/f") == nil)
  }

  // MARK: - Lies

  /// A lie about one of the later parts, and what is said of it.
  private static let lies:
    [(name: String, words: String, make: @Sendable (Server.Request, Server.Reply) -> Server.Reply)] = [
      (
        "the whole file", "expected 206",
        { request, _ in .init(200, ["ETag": "\"1\""], body: bytes) }
      ),
      (
        "another part", "another part",
        { request, reply in
          var reply = reply
          let first = request.range?.lowerBound ?? 0
          reply.fields["Content-Range"] = "bytes \(first + 1)-\(first + reply.body.count)/\(bytes.count)"
          return reply
        }
      ),
      (
        "another length", "was changed",
        { request, reply in
          var reply = reply
          reply.fields["Content-Range"] = reply.fields["Content-Range"]?.replacing(
            "/\(bytes.count)", with: "/\(bytes.count + 1)")
          return reply
        }
      ),
      (
        "no part", "does not say which part",
        { _, reply in
          var reply = reply
          reply.fields["Content-Range"] = nil
          return reply
        }
      ),
      (
        "too little", "of the",
        { _, reply in
          var reply = reply
          reply.body.removeLast()
          return reply
        }
      ),
      (
        "too much", "more than",
        { _, reply in
          var reply = reply
          reply.body.append(0)
          return reply
        }
      ),
      (
        "another version", "was changed",
        { _, reply in
          var reply = reply
          reply.fields["ETag"] = "\"2\""
          return reply
        }
      ),
      ("the end", "is no longer there", { _, _ in .init(404) }),
      ("shorter", "was changed", { _, _ in .init(416, ["Content-Range": "bytes */10"]) }),
      (
        "a web page", "expected 206",
        { _, _ in .init(200, ["ETag": "\"1\"", "Content-Length": "\(bytes.count)"], body: bytes) }
      ),
      ("a page of another length", "was changed", { _, _ in .init(200, body: Array("<html>".utf8)) }),
    ]

  @Test(arguments: lies.indices)
  func liesAboutAPartAreFound(_ number: Int) throws {
    let lie = Self.lies[number]
    let server = try Server { request in
      let reply = Server.Reply.file(Self.bytes, to: request)
      return (request.range?.lowerBound ?? 0) >= 4 << 20 ? lie.make(request, reply) : reply
    }
    let error = try Stores().failure(server.address + "/f")
    #expect(error.message.contains(lie.words), "\(lie.name): \(error)")
    #expect(error.path == server.address + "/f")
  }

  @Test(arguments: [
    "bytes 1-65536/99999999", "bytes 0-65535/*", "bytes 0-65535", "elements 0-65535/99", "", "bytes 0-9/99999",
  ])
  func liesAboutTheBeginningAreFound(_ range: String) throws {
    let server = try Server { request in
      var reply = Server.Reply.file(Self.bytes, to: request)
      reply.fields["Content-Range"] = range
      return reply
    }
    #expect(try Stores().failure(server.address + "/f").code == .malformed)
  }

  @Test("A server without parts is refused, unless all of the file is in what was asked for")
  func withoutParts() throws {
    let server = try Server { request in
      request.path == "/small" ? .init(200, body: [1, 2, 3]) : .init(200, body: Self.bytes)
    }
    #expect(try Stores().bytes(of: server.address + "/small") == [1, 2, 3])
    let error = try Stores().failure(server.address + "/large")
    #expect(error.code == .unsupported && error.message.contains("HTTP 200, expected 206"), "\(error)")
  }

  @Test(arguments: ["\"a\"", "W/\"a\"", nil])
  func aFileThatIsReplacedIsNoticedInTheEnd(_ tag: String?) throws {
    let isReplaced = Mutex(false)
    let server = try Server { request in
      let now = isReplaced.withLock { $0 }
      let bytes = now && tag == nil ? Self.bytes + [1] : Self.bytes
      return .file(bytes, tag: tag.map { now ? $0.replacing("a", with: "b") : $0 }, to: request)
    }
    let file = try Stores().open(server.address + "/f")
    _ = try Stores.bytes(of: file)
    #expect(try file.isUnchanged)
    isReplaced.withLock { $0 = true }
    #expect(try !file.isUnchanged)
  }

  @Test func identitiesTellVersionsApart() throws {
    let tag = Mutex("\"a\"")
    let server = try Server { request in
      .file([1, 2, 3], tag: request.path == "/none" ? nil : tag.withLock { $0 }, to: request)
    }
    func identity(_ path: String) throws -> String { try Stores().open(server.address + path).identity }
    let first = try identity("/f")
    #expect(try identity("/f") == first)
    tag.withLock { $0 = "\"b\"" }
    #expect(try identity("/f") != first)
    #expect(!first.contains("\n"))
  }

  // MARK: - Redirects

  @Test func whatARedirectLeadsToIsAskedDirectlyUntilItExpires() throws {
    let served = Mutex(0)
    let other = try Server { request in
      let count = served.withLock { count in
        count += 1
        return count
      }
      return count == 3 ? .init(403) : .file(Self.bytes, tag: "\"\(Self.bytes.count)\"", to: request)
    }
    let place = other.address + "/cdn?Signature=secret"
    let server = try Server { _ in .init(302, ["Location": place]) }
    #expect(try Stores().bytes(of: server.address + "/f") == Self.bytes)
    #expect(server.requests.count < other.requests.count)
    #expect(server.requests.count >= 2)
  }

  @Test func passwordsStayWithTheirServer() throws {
    let other = try Server(files: ["/f": Self.bytes])
    let place = other.address + "/f"
    let server = try Server { _ in .init(302, ["Location": place]) }
    let stores = Stores()
    let path = try stores.access.withoutSecrets("http://user:word@127.0.0.1:\(server.port)/f")
    #expect(path == server.address + "/f")
    #expect(try stores.bytes(of: path) == Self.bytes)
    #expect(server.requests.allSatisfy { $0.fields["authorization"]?.hasPrefix("Basic ") == true })
    #expect(other.requests.allSatisfy { $0.fields["authorization"] == nil })
  }

  @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/f", "gopher://127.0.0.1/"])
  func onlyTheWebIsFollowed(_ place: String) throws {
    let server = try Server { _ in .init(302, ["Location": place]) }
    #expect(try Stores().failure(server.address + "/f").message.contains("not followed"))
  }

  @Test func aCircleIsLeft() throws {
    let server = try Server { request in .init(302, ["Location": request.target]) }
    #expect(try Stores().failure(server.address + "/f").message.contains("more than 5 times"))
  }
}
