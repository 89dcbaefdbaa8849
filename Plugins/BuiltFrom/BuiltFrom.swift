import Foundation
import PackagePlugin

/// Tells the program which commit it is built of, as `--version` prints it. The manifest cannot: what git says there is kept from an earlier
/// build.
@main
struct BuiltFrom: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let package = context.package.directoryURL
    let folder = context.pluginWorkDirectoryURL.appending(path: "Commit")
    return [
      .prebuildCommand(
        displayName: "Asking git for the commit", executable: URL(filePath: "/bin/sh"),
        arguments: [package.appending(path: "Plugins/BuiltFrom/commit.sh").path, package.path, folder.path],
        outputFilesDirectory: folder)
    ]
  }
}
