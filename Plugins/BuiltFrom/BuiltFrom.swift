import Foundation
import PackagePlugin

/// Tells the program which commit it is built of, as `--version` prints it. The manifest cannot: what git says there is kept from an earlier
/// build, as are commands that run before a build.
@main
struct BuiltFrom: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let package = context.package.directoryURL
    let script = package.appending(path: "Plugins/BuiltFrom/commit.sh")
    let output = context.pluginWorkDirectoryURL.appending(path: "Commit.swift")
    // What is committed changes with git's own files, whether there are changes with those too and with every source.
    let sources = context.package.targets.compactMap(\.sourceModule).flatMap { $0.sourceFiles.map(\.url) }
    return [
      .buildCommand(
        displayName: "Asking git for the commit", executable: URL(filePath: "/bin/sh"),
        arguments: [script.path, package.path, output.path], inputFiles: [script] + sources + stateOfGit(in: package),
        outputFiles: [output])
    ]
  }

  /// The files of git that change with a commit, of those that are there.
  private func stateOfGit(in package: URL) -> [URL] {
    var folder = package.appending(path: ".git")
    // In a worktree or a submodule `.git` is a file that names the folder.
    if let text = try? String(contentsOf: folder, encoding: .utf8), text.hasPrefix("gitdir: ") {
      let path = text.dropFirst("gitdir: ".count).trimmingCharacters(in: .newlines)
      folder = URL(filePath: path, relativeTo: package).absoluteURL
    }
    return ["HEAD", "logs/HEAD", "index"].map { folder.appending(path: $0) }
      .filter { FileManager.default.fileExists(atPath: $0.path) }
  }
}
