internal import Bytes
internal import Digests
internal import JSON

/// What a part of an output says of itself, for who puts the parts together: which plan it is of, which files it has made,
/// and the digests of the tensors that it has read.
///
/// A document of JSON: `decant_part` (2 is not known yet), `version`, `plan` (the fingerprint), `types` (those of most weights),
/// `part` (`3/16`), `container`, `output` (the name of the whole output, where files are named after it), `file_count` (of the whole output), `files` (of
/// this part: `number` in the whole output, `name` there, `stored`, its name here, `bytes`, `head_bytes` and
/// `head_xxh3_128`, what is known of its beginning, `digests_at`, where the digests of sources have their place in that) and
/// `sources`: of the model and of each adapter `tensor_count` and `tensors`, those that this part answers for, with `name`,
/// `type`, `shape` and `xxh3_128`. No `sources` without a record of provenance. `read` is a digest of what tells the files that
/// were read from others, on this machine, and from themselves after a change; `xxh3_128` one of everything else here.
struct PartRecord: Hashable, Sendable {
  let job: PartJob
  /// Of the identities of the files that were read.
  let read: FastDigest
  let part: Part
  let container: String
  /// nil for a folder.
  let output: String?
  let fileCount: Int
  let files: [File]
  let sources: [Source]

  struct File: Hashable, Sendable {
    /// In the whole output, from 0.
    let number: Int
    let name: String
    let stored: String
    let byteCount: Int
    /// Bytes at the beginning that are known from the plan: the header, or all.
    let headByteCount: Int
    /// Of these bytes, with what stands for digests before they are known.
    let headDigest: FastDigest
    /// Where the digests of sources have their place.
    let digestsPlace: Int?

    /// Whether a file begins as the part has written it.
    /// - Parameter hidden: what stands for other bytes of it.
    func hasBeginning(_ file: InputFile, with hidden: (place: Int, text: String)? = nil) throws(FileError) -> Bool {
      var stream = FastDigest.Stream()
      func add(_ range: Range<Int>) throws(FileError) {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.readByteCount) {
          let bytes = try file.bytes(at: start, count: min(Self.readByteCount, range.upperBound - start))
          bytes.withBytes { stream.add($0) }
        }
      }
      guard let hidden else {
        try add(0..<headByteCount)
        return stream.digest == headDigest
      }
      try add(0..<hidden.place)
      stream.add(hidden.text)
      try add(hidden.place + hidden.text.utf8.count..<headByteCount)
      return stream.digest == headDigest
    }

    /// Bytes that are read at a time: what a record says is no size to rely on.
    private static let readByteCount = 1 << 20
  }

  /// What is known of the model, or of an adapter.
  struct Source: Hashable, Sendable {
    let tensorCount: Int
    let tensors: [Tensor]
  }

  struct Tensor: Hashable, Sendable {
    let name: String
    let type: String
    let shape: [Int]
    let digest: FastDigest
  }

  private static let format = 1
  /// No header is as long, nor a file beside weights.
  private static let mostHeadBytes = 1 << 31

  // MARK: - Writing

  func bytes(path: String) throws(FileError) -> [UInt8] {
    var members: [String: JSONValue] = [
      "decant_part": .integer(Self.format), "version": .string(job.version), "plan": .string(job.plan),
      "types": .string(job.types),
      "read": .string(read.description), "part": .string(part.description), "container": .string(container),
      "file_count": .integer(fileCount),
      "files": .array(
        files.map { file in
          var members: [String: JSONValue] = [
            "number": .integer(file.number), "name": .string(file.name), "stored": .string(file.stored),
            "bytes": .integer(file.byteCount), "head_bytes": .integer(file.headByteCount),
            "head_xxh3_128": .string(file.headDigest.description),
          ]
          members["digests_at"] = file.digestsPlace.map(JSONValue.integer)
          return .object(members)
        }),
      "sources": .array(
        sources.map { source in
          [
            "tensor_count": .integer(source.tensorCount),
            "tensors": .array(
              source.tensors.map {
                [
                  "name": .string($0.name), "type": .string($0.type),
                  "shape": .array($0.shape.map(JSONValue.integer)), "xxh3_128": .string($0.digest.description),
                ]
              }),
          ]
        }),
    ]
    members["output"] = output.map(JSONValue.string)
    do throws(JSONError) {
      return try JSONValue.object(Self.sealed(members)).serialized()
    } catch {
      throw FileError(.malformed, path: path, error.description)
    }
  }

  private static let seal = "xxh3_128"

  /// Members with a digest of the others.
  static func sealed(_ members: [String: JSONValue]) throws(JSONError) -> [String: JSONValue] {
    var members = members
    members[seal] = nil
    let bytes = try JSONValue.object(members).serialized()
    members[seal] = .string(bytes.withBytes { FastDigest(of: $0) }.description)
    return members
  }

  // MARK: - Reading

  /// - Throws: `FileError` where the file is no such record, or contradicts itself.
  init(path: String) throws(FileError) {
    let bytes = try InputFile.document(of: path)
    let (json, isWhole): (JSONValue, Bool)
    do throws(JSONError) {
      json = try JSONValue(parsing: bytes)
      isWhole = try json.object.map { members throws(JSONError) in try Self.sealed(members) == members } ?? false
    } catch {
      throw FileError(.malformed, path: path, error.description)
    }
    let reader = Reader(json, path: path)
    guard let format = json["decant_part"]?.int else {
      throw FileError(.malformed, path: path, "has the name of a part's record, and is none")
    }
    guard format == Self.format else {
      throw FileError(
        .unsupported, path: path,
        "is a record of form \(format), and form \(Self.format) is known; use the version that wrote it"
      )
    }
    guard isWhole else {
      throw FileError(
        .malformed, path: path, "was changed since it was written; copy it again, or make the part again",
        remedy: .makePartAgain)
    }
    read = try reader.digest("read")
    container = try reader.text("container")
    output = json["output"] == nil ? nil : try reader.name("output", mayHaveFolder: false)
    fileCount = try reader.count("file_count")
    guard let part = Part(try reader.text("part")) else { throw reader.malformed("part") }
    self.part = part
    job = PartJob(
      plan: try reader.text("plan"), partCount: part.count, types: try reader.text("types"),
      version: try reader.text("version"))
    var files: [File] = []
    for file in try reader.objects("files") {
      let (number, byteCount) = (try file.count("number"), try file.count("bytes"))
      let (head, place) = (try file.count("head_bytes"), try file.optionalCount("digests_at"))
      guard number < fileCount else { throw file.malformed("number") }
      guard head <= min(byteCount, Self.mostHeadBytes) else { throw file.malformed("head_bytes") }
      guard place ?? 0 <= head else { throw file.malformed("digests_at") }
      files.append(
        File(
          number: number, name: try file.name("name", mayHaveFolder: output == nil),
          stored: try file.name("stored", mayHaveFolder: false), byteCount: byteCount, headByteCount: head,
          headDigest: try file.digest("head_xxh3_128"), digestsPlace: place))
    }
    self.files = files
    var sources: [Source] = []
    for source in try reader.objects("sources") {
      var tensors: [Tensor] = []
      for tensor in try source.objects("tensors") {
        tensors.append(
          Tensor(
            name: try tensor.text("name"), type: try tensor.text("type"), shape: try tensor.counts("shape"),
            digest: try tensor.digest("xxh3_128")))
      }
      sources.append(Source(tensorCount: try source.count("tensor_count"), tensors: tensors))
    }
    self.sources = sources
  }

  /// What a part of a plan says.
  init(
    of part: Part, job: PartJob, read: FastDigest, destination: Destination, fileCount: Int, files: [File],
    sources: [Source]
  ) {
    self.job = job
    self.read = read
    self.part = part
    container = destination.container.name
    output = destination.isFile ? FileSystem.lastComponent(destination.path) : nil
    self.fileCount = fileCount
    self.files = files
    self.sources = sources
  }

  /// Members of an object, with where they are for errors.
  private struct Reader {
    let json: JSONValue
    let path: String
    let place: String

    init(_ json: JSONValue, path: String, place: String = "") {
      self.json = json
      self.path = path
      self.place = place
    }

    func malformed(_ key: String) -> FileError {
      FileError(
        .malformed, path: path, subject: place + key,
        "is not what the record of a part has there; make the part again", remedy: .makePartAgain)
    }

    private func value<Value>(_ key: String, _ read: (JSONValue) -> Value?) throws(FileError) -> Value {
      guard let value = json[key].flatMap(read) else { throw malformed(key) }
      return value
    }

    func text(_ key: String) throws(FileError) -> String { try value(key, \.string) }

    func count(_ key: String) throws(FileError) -> Int { try value(key) { $0.int.flatMap { $0 >= 0 ? $0 : nil } } }

    func optionalCount(_ key: String) throws(FileError) -> Int? { json[key] == nil ? nil : try count(key) }

    func counts(_ key: String) throws(FileError) -> [Int] {
      try value(key) { value in
        let counts = value.array?.compactMap(\.int)
        return counts?.count == value.array?.count ? counts : nil
      }
    }

    func digest(_ key: String) throws(FileError) -> FastDigest {
      try value(key) { $0.string.flatMap { FastDigest($0) } }
    }

    /// A name in a folder that leads nowhere else.
    func name(_ key: String, mayHaveFolder: Bool) throws(FileError) -> String {
      let name = try text(key)
      let components = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      let isPlain = components.allSatisfy {
        !$0.isEmpty && ![".", ".."].contains(String(Substring($0))) && !$0.contains(0)
      }
      guard isPlain, mayHaveFolder || components.count == 1 else { throw malformed(key) }
      return name
    }

    func objects(_ key: String) throws(FileError) -> [Reader] {
      try value(key, \.array).enumerated().map { Reader($1, path: path, place: "\(place)\(key)[\($0)].") }
    }
  }
}
