internal import Bytes

/// The name of an input on the command line: a path of this machine, an address, or a model of the hub.
enum InputPath {
  /// What the word for a model stands for; an existing path wins over `org/name`. What is wrong with it is told when it is opened.
  static func model(_ word: String) -> String { (try? RemoteStores.path(naming: word)) ?? word }

  /// What the word for a file stands for. Only an address leads elsewhere: a text that is missing is nobody's business.
  static func file(_ word: String) -> String { word.contains("://") ? model(word) : word }
}
