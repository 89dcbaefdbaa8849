internal import Bytes

/// The environment variables that say where things are fetched from, and with what rights. Read here and nowhere else; those of
/// proxies are libcurl's own.
public struct RemoteEnvironment: Sendable {
  private let values: [String: String]

  /// All names that are looked at.
  private static let names = [
    "HOME", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
    "HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
  ]

  /// - Parameter values: variables by their names; an empty one counts as none.
  public init(_ values: [String: String]) { self.values = values.filter { !$0.value.isEmpty } }

  /// That of the process.
  public static var ofProcess: RemoteEnvironment {
    var values: [String: String] = [:]
    for name in names {
      values[name] = ProcessEnvironment.value(of: name)
    }
    return RemoteEnvironment(values)
  }

  /// The first of some variables that is set.
  func first(_ names: String...) -> String? { names.lazy.compactMap { values[$0] }.first }

  /// Whether a variable says yes, in the words that huggingface_hub takes.
  func isOn(_ name: String) -> Bool { ["1", "true", "yes", "on"].contains(values[name]?.lowercased() ?? "") }

  /// The address of a server that the first of some variables names, encrypted where it does not say how; nil where none is set.
  func server(_ names: String...) -> String? {
    guard var value = names.lazy.compactMap({ values[$0] }).first else { return nil }
    while value.hasSuffix("/") { value.removeLast() }
    let start = value.prefix(8).lowercased()
    return start.hasPrefix("https://") || start.hasPrefix("http://") ? value : "https://" + value
  }

  /// The path that the first of some variables names; nil where none is set.
  func path(_ names: String...) -> String? {
    guard let value = names.lazy.compactMap({ values[$0] }).first else { return nil }
    guard value.hasPrefix("~/"), let home = values["HOME"] else { return value }
    return home + value.dropFirst()
  }

  /// A path below the home folder; nil where there is none.
  func home(_ below: String) -> String? { values["HOME"].map { "\($0)/\(below)" } }
}
