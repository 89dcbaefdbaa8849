internal import Foundation
internal import Synchronization

/// A server of the web on the loopback address, which answers as a test wants it to: truly, slowly, half, or with lies.
public final class LoopbackServer: Sendable {
  public struct Request: Sendable {
    public let method: String
    /// With the query.
    public let target: String
    /// By their names in small letters.
    public let fields: [String: String]
    /// How many came before this one.
    public let number: Int

    /// Without the query.
    public var path: String { String(target.prefix { $0 != "?" }) }

    /// The part that is asked for.
    public var range: ClosedRange<Int>? {
      guard let text = fields["range"], text.hasPrefix("bytes=") else { return nil }
      let ends = text.dropFirst(6).split(separator: "-").compactMap { Int($0) }
      return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : nil
    }
  }

  public struct Reply: Sendable {
    public var status: Int
    public var fields: [String: String]
    public var body: [UInt8]
    /// Bytes of the body that are sent before the connection breaks off; all of them where nothing is said.
    public var sent: Int?
    /// What is waited before the last byte of the body.
    public var delay: Double = 0

    public init(_ status: Int, _ fields: [String: String] = [:], body: [UInt8] = []) {
      self.status = status
      self.fields = fields
      self.body = body
    }

    /// A file, or the part of it that is asked for.
    public static func file(_ bytes: [UInt8], tag: String? = "\"1\"", to request: Request) -> Reply {
      var reply: Reply
      if let range = request.range {
        guard range.lowerBound < bytes.count else {
          return Reply(416, ["Content-Range": "bytes */\(bytes.count)"])
        }
        let end = min(range.upperBound, bytes.count - 1)
        reply = Reply(
          206, ["Content-Range": "bytes \(range.lowerBound)-\(end)/\(bytes.count)"],
          body: Array(bytes[range.lowerBound...end]))
      } else {
        reply = Reply(200, body: bytes)
      }
      reply.fields["ETag"] = tag
      return reply
    }
  }

  public let port: Int
  private let socket: Int32
  private let handler: @Sendable (Request) -> Reply
  private let seen = Mutex<[Request]>([])

  /// - Parameter handler: called on several threads at a time.
  public init(_ handler: @escaping @Sendable (Request) -> Reply) throws {
    #if canImport(Darwin)
      let kind = SOCK_STREAM
    #else
      let kind = Int32(SOCK_STREAM.rawValue)
    #endif
    let socket = Foundation.socket(AF_INET, kind, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(socket, pointer, length) == 0 && listen(socket, 64) == 0 && getsockname(socket, pointer, &length) == 0
      }
    }
    guard socket >= 0, isBound else { throw CocoaError(.fileNoSuchFile) }
    self.socket = socket
    self.handler = handler
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(socket, nil, nil)
        guard connection >= 0, let self else { return }
        Thread.detachNewThread { self.serve(connection) }
      }
    }
  }

  deinit {
    shutdown(socket, Int32(SHUT_RDWR))
    close(socket)
  }

  /// Serves files by their paths, all others are not there.
  public convenience init(files: [String: [UInt8]]) throws {
    try self.init { request in
      files[request.path].map { .file($0, to: request) } ?? Reply(404)
    }
  }

  public var address: String { "http://127.0.0.1:\(port)" }

  /// What was asked so far.
  public var requests: [Request] { seen.withLock { $0 } }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    var pending: [UInt8] = []
    while let head = Self.head(of: connection, &pending) {
      let lines = head.split(separator: "\r\n").map(String.init)
      let words = (lines.first ?? "").split(separator: " ").map(String.init)
      guard words.count == 3 else { return }
      var fields: [String: String] = [:]
      for line in lines.dropFirst() {
        guard let colon = line.firstIndex(of: ":") else { continue }
        fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      }
      let request = seen.withLock { seen in
        let request = Request(method: words[0], target: words[1], fields: fields, number: seen.count)
        seen.append(request)
        return request
      }
      guard send(handler(request), to: connection, isHead: words[0] == "HEAD") else { return }
    }
  }

  /// Up to the empty line.
  private static func head(of connection: Int32, _ pending: inout [UInt8]) -> String? {
    while true {
      if let end = String(decoding: pending, as: UTF8.self).range(of: "\r\n\r\n") {
        let text = String(decoding: pending, as: UTF8.self)
        pending = Array(text[end.upperBound...].utf8)
        return String(text[..<end.lowerBound])
      }
      var part = [UInt8](repeating: 0, count: 8192)
      let count = recv(connection, &part, part.count, 0)
      guard count > 0 else { return nil }
      pending += part[..<count]
    }
  }

  /// - Returns: whether the connection goes on.
  private func send(_ reply: Reply, to connection: Int32, isHead: Bool) -> Bool {
    var text = "HTTP/1.1 \(reply.status) Answer\r\n"
    if reply.fields["Content-Length"] == nil { text += "Content-Length: \(reply.body.count)\r\n" }
    for (name, value) in reply.fields { text += "\(name): \(value)\r\n" }
    guard write(Array((text + "\r\n").utf8), to: connection), !isHead else { return isHead }
    let body = reply.body.prefix(reply.sent ?? reply.body.count)
    if reply.delay > 0 {
      guard write(Array(body.dropLast()), to: connection) else { return false }
      Thread.sleep(forTimeInterval: reply.delay)
      return write(Array(body.suffix(1)), to: connection)
    }
    return write(Array(body), to: connection) && reply.sent == nil
  }

  private func write(_ bytes: [UInt8], to connection: Int32) -> Bool {
    #if canImport(Darwin)
      let flags: Int32 = 0
    #else
      let flags = Int32(MSG_NOSIGNAL)
    #endif
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { Foundation.send(connection, $0.baseAddress, $0.count, flags) }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }
}
