internal import Bytes
internal import Digests
internal import JSON
internal import Quantization

/// How a measurement was made: with what, on what, over which text.
public struct MeasurementOrigin: Hashable, Sendable {
  /// The version of Decant.
  public let version: String
  /// The words of the command line, without what is secret in an address.
  public let command: [String]
  public let machine: Machine
  public let text: Text
  /// How many parts it was done in, where these were put together; the command and the machine are those of the first.
  public let parts: Int?

  public init(version: String, command: [String], machine: Machine, text: Text, parts: Int? = nil) {
    self.version = version
    self.command = command.map(Self.withoutSecrets)
    self.machine = machine
    self.text = text
    self.parts = parts
  }

  /// The same of what was put together.
  func ofParts(_ count: Int) -> MeasurementOrigin {
    MeasurementOrigin(version: version, command: command, machine: machine, text: text, parts: count)
  }

  /// What computed it.
  public struct Machine: Hashable, Sendable {
    /// The processor's name; nil where the system does not say.
    public let processor: String?
    /// Processors that the process may use.
    public let cores: Int
    /// The instruction set that kernels are compiled for.
    public let kernels: String
    /// The system and its version; nil where it does not say.
    public let system: String?
  }

  /// What was predicted.
  public struct Text: Hashable, Sendable {
    public let name: String
    public let byteCount: Int
    /// XXH3-128 of its bytes.
    public let digest: String
    /// XXH3-128 of the windows of tokens that were predicted: equal where two measurements can be held against each other.
    public let windowsDigest: String
  }

  /// An address without user, password and query; any other word as it is.
  package static func withoutSecrets(_ word: String) -> String {
    guard let scheme = word.firstRange(of: "://") else { return word }
    var address = word[scheme.upperBound...].prefix { $0 != "?" && $0 != "#" }
    let host = address.prefix { $0 != "/" }
    if let user = host.lastIndex(of: "@") { address = address[address.index(after: user)...] }
    return String(word[..<scheme.upperBound] + address)
  }
}

// MARK: - As JSON

extension MeasurementOrigin {
  /// Members of `origin`: `version`, `command`, `machine` (`processor`, `cores`, `kernels`, `system`) `text` (`name`,
  /// `bytes`, `xxh3_128`, `windows_xxh3_128`), and `parts` where there were any.
  var json: JSONValue {
    var machine: [String: JSONValue] = [
      "cores": .integer(self.machine.cores), "kernels": .string(self.machine.kernels),
    ]
    machine["processor"] = self.machine.processor.map(JSONValue.string)
    machine["system"] = self.machine.system.map(JSONValue.string)
    var members: [String: JSONValue] = [
      "version": .string(version), "command": .array(command.map(JSONValue.string)), "machine": .object(machine),
      "text": [
        "name": .string(text.name), "bytes": .integer(text.byteCount), "xxh3_128": .string(text.digest),
        "windows_xxh3_128": .string(text.windowsDigest),
      ],
    ]
    members["parts"] = parts.map(JSONValue.integer)
    return .object(members)
  }

  init(_ report: ReportMembers) throws(FileError) {
    let (machine, text) = (try report.object("machine"), try report.object("text"))
    self.init(
      version: try report.string("version"), command: try report.strings("command"),
      machine: Machine(
        processor: try machine.optionalString("processor"), cores: try machine.count("cores"),
        kernels: try machine.string("kernels"), system: try machine.optionalString("system")),
      text: Text(
        name: try text.string("name"), byteCount: try text.count("bytes"), digest: try text.string("xxh3_128"),
        windowsDigest: try text.string("windows_xxh3_128")), parts: try report.optionalCount("parts"))
  }
}

extension MeasurementOrigin.Machine {
  /// This one.
  public static var current: Self {
    Self(
      processor: processorName, cores: FileSystem.processorCount(), kernels: KernelSet.best.name, system: systemName)
  }

  /// Linux: the first `model name` of /proc/cpuinfo, which ARM processors have none of.
  private static var processorName: String? {
    line(of: "/proc/cpuinfo") { $0.hasPrefix("model name") }?.split(separator: ":", maxSplits: 1).last.map(trimmed)
  }

  /// Linux: `PRETTY_NAME` of os-release.
  private static var systemName: String? {
    line(of: "/etc/os-release") { $0.hasPrefix("PRETTY_NAME=") }.map {
      trimmed($0.dropFirst("PRETTY_NAME=".count)).replacing("\"", with: "")
    }
  }

  private static func line(of path: String, where isWanted: (Substring) -> Bool) -> Substring? {
    FileSystem.text(ofSystemFile: path)?.split(separator: "\n").first(where: isWanted)
  }

  private static func trimmed(_ text: Substring) -> String {
    text.split(separator: " ").joined(separator: " ").replacing("\t", with: "")
  }
}

extension MeasurementOrigin.Text {
  /// - Parameters:
  ///   - name: what messages call it.
  ///   - bytes: the text.
  public init(name: String, bytes: [UInt8], windows: EvaluationWindows) {
    var stream = FastDigest.Stream()
    stream.add("\(windows.contextLength)\n")
    stream.add(windowsOf: windows)
    self.init(
      name: name, byteCount: bytes.count, digest: bytes.withBytes { FastDigest(of: $0) }.description,
      windowsDigest: stream.digest.description)
  }
}
