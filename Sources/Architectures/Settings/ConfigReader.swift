internal import Bytes
internal import JSON

/// Takes checked values out of a configuration file; errors name the file and the key.
struct ConfigReader: SettingReader {
  let config: JSONValue
  let path: String
  var prefix = ""
  /// The keys that were asked for.
  private let asked = AskedKeys()

  init(config: JSONValue, path: String, prefix: String = "") {
    self.config = config
    self.path = path
    self.prefix = prefix
  }

  private func value(_ name: String) -> JSONValue? {
    asked.names.insert(name)
    return config[name]
  }

  func names(of row: Hyperparameter) -> (names: [String], fallback: Hyperparameter.Default) {
    (row.config, row.configDefault)
  }

  var zeroIsNone: Bool { false }
  func has(_ name: String) -> Bool { value(name).map { !$0.isNull } ?? false }
  func isNull(_ name: String) -> Bool { value(name)?.isNull ?? false }
  func subject(_ name: String) -> String { prefix + name }
  func integer(_ name: String) -> Int? { value(name)?.int }
  func double(_ name: String) -> Double? { value(name)?.double }
  func flagValue(_ name: String) -> Bool? { value(name)?.bool }
  func string(_ name: String) -> String? { value(name)?.string }

  func integers(_ name: String) -> [Int]? { list(name) { $0.int } }
  func flags(_ name: String) -> [Bool]? { list(name) { $0.bool ?? $0.int.map { $0 != 0 } } }
  func strings(_ name: String) -> [String]? { list(name) { $0.string } }

  private func list<Element>(_ name: String, _ element: (JSONValue) -> Element?) -> [Element]? {
    guard let values = value(name)?.array else { return nil }
    let elements = values.compactMap(element)
    return elements.count == values.count ? elements : nil
  }

  /// A reader of the object under that key; nil where it is missing or null.
  func object(_ key: String) throws(FileError) -> ConfigReader? {
    guard let value = value(key), !value.isNull else { return nil }
    guard value.object != nil else { throw malformed(key, "is not an object") }
    return ConfigReader(config: value, path: path, prefix: prefix + key + ".")
  }

  /// - Throws: `FileError` where a setting changes what is computed in a way that is not supported.
  func require(_ key: String, _ allowed: JSONValue..., because reason: String) throws(FileError) {
    guard let value = value(key), !value.isNull, !allowed.contains(value) else { return }
    throw unsupported(key, reason)
  }

  /// Keys that nobody has asked for and that are not known to be without effect, whose value says something.
  /// - Returns: those of a file that a version of transformers has written whose classes read no such key.
  /// - Throws: `FileError` for one in any other file: it could change what is computed.
  func unknownKeys() throws(FileError) -> [String] {
    let unknown = (config.object ?? [:]).filter { key, value in
      !asked.names.contains(key) && !KnownSettings.areWithoutEffect(key) && !Self.saysNothing(value)
    }.keys.sorted()
    guard let first = unknown.first else { return [] }
    if KnownSettings.isVersionKnown(config["transformers_version"]?.string) { return unknown }
    throw unsupported(
      first,
      "is not a key that is known, and could change what the model computes; take it out of the file where it does not")
  }

  private static func saysNothing(_ value: JSONValue) -> Bool {
    value.isNull || value.bool == false || value.array?.isEmpty == true || value.object?.isEmpty == true
      || value.string?.isEmpty == true
  }

  /// Shared by copies of a reader, which read for one caller after another.
  private final class AskedKeys {
    var names: Set<String> = []
  }
}
