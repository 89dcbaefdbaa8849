internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation
internal import Quantization
internal import Remote

/// The command `decant`.
@main
struct Decant: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decant",
    abstract: "Convert, quantize and measure model checkpoints.",
    discussion: """
      IN and OUT are files or folders: a Hugging Face folder, a .safetensors or
      .gguf file, or one of these packed (.zst); IN may be a checkpoint of PyTorch
      too (.bin, .pt, .pth). IN may also be elsewhere, and is read from there:
      https://host/model.gguf, https://host/folder/, s3://bucket/prefix/, or a model
      of the hub, org/name or org/name@revision; hf://org/name/file is one of its
      files. What exists here wins over org/name. The container of OUT follows from
      its name: something.gguf is a GGUF, something.safetensors one file, anything
      else a GGUF where the type is one that only GGUF has, and a Hugging Face folder
      otherwise; --to overrides.

      EXAMPLES
        decant inspect  TinyLlama/
        decant convert  TinyLlama/ tiny.gguf
        decant quantize TinyLlama/ tiny-q8_0.gguf --type q8_0 --verify text.txt
        decant quantize TinyLlama/ TinyLlama-nf4/ --type nf4
        decant compare  TinyLlama/ tiny-q8_0.gguf --text text.txt

      EXIT CODES
        0   done
        1   failed; one line on standard error names the file, the tensor,
            what was found and what to do
        2   diff: they cannot be compared; check: it cannot be read (what they find
            is 1)
        64  the command line is wrong
        130 stopped by SIGINT (Ctrl-C), 143 by SIGTERM; where something is kept,
            the same command goes on from there

      Nothing is written under OUT's name unless everything succeeded.
      """,
    version: VersionText.whole,
    groupedSubcommands: [
      CommandGroup(
        name: "Looking",
        subcommands: [
          InspectCommand.self, EstimateCommand.self, CheckCommand.self, DiffCommand.self, TokenizeCommand.self,
          HashCommand.self,
          RebuildCommand.self,
        ]),
      CommandGroup(
        name: "Making",
        subcommands: [
          ConvertCommand.self, QuantizeCommand.self, MergeCommand.self, AssembleCommand.self, PackCommand.self,
          UnpackCommand.self,
        ]),
      CommandGroup(
        name: "File surgery", subcommands: [SplitCommand.self, JoinCommand.self, EditCommand.self]),
      CommandGroup(
        name: "Measuring",
        subcommands: [
          PerplexityCommand.self, CompareCommand.self, ReportCommand.self, CalibrateCommand.self, ImatrixCommand.self,
        ]),
    ])

  /// Failures of ours print as one line without the usage text.
  static func main() async {
    StandardOutput.holdPlace()
    Interruption.watch()
    FreedMemory.keep()
    if let name = KernelSet.refusedName {
      Terminal.fail(
        "DECANT_KERNELS: \(FileError.quoted(name)) is not a set of kernels that this machine runs; it runs "
          + KernelSet.all.map(\.name).joined(separator: ", "))
    }
    var isVerbose = false
    var failureCode: Int32 = 1
    let remote = RemoteAccess(.ofProcess, agent: "decant/\(Version.current)")
    RemoteStores.add(remote.stores)
    StatusLine.shared.end(with: {
      remote.fetchedByteCount == 0 ? "" : "  \(NumberText.bytes(remote.fetchedByteCount)) fetched"
    })
    do {
      // What is secret in an address goes to its store, and nowhere else: the parser repeats words.
      let arguments = try ProcessArguments.words().map(remote.withoutSecrets)
      if arguments.isEmpty {
        // Nothing is asked for, and nothing is done.
        end(with: ExitCode.validationFailure, saying: helpMessage())
      }
      if let topic = CommandLineCheck.unknownTopic(in: arguments) { throw ValidationError(topic) }
      if let repetition = CommandLineCheck.repetition(in: arguments) { throw ValidationError(repetition) }
      var command = try parseAsRoot(arguments)
      if command is any TalkingCommand { requireProc() }
      let talk = (command as? any TalkingCommand)?.talk
      failureCode = (type(of: command) as? any TalkingCommand.Type)?.failureCode ?? 1
      isVerbose = talk?.verbose ?? false
      if talk?.quiet == false { StatusLine.shared.turnOn() }
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      if talk?.quiet == false { Terminal.tellFetched(remote, isVerbose: isVerbose) }
    } catch let error as FileError where error.code == .interrupted {
      Terminal.fail(error.description(remedy: \.options), code: 128 + (Interruption.signal ?? 2))
    } catch let error as FileError {
      Terminal.fail(error, isVerbose: isVerbose, code: failureCode)
    } catch {
      StatusLine.shared.end()
      let words = ((try? ProcessArguments.words()) ?? []).map { (try? remote.withoutSecrets($0)) ?? "" }
      if exitCode(for: error) == .validationFailure, let word = CommandLineCheck.misspelling(in: words) {
        end(with: .validationFailure, saying: fullMessage(for: ValidationError(word)))
      }
      end(with: exitCode(for: error), saying: fullMessage(for: error))
    }
  }

  /// Ends the process where work that is divided would trap: on Linux the library that starts threads counts them in /proc.
  private static func requireProc() {
    #if os(Linux)
      if (try? FileSystem.exists("/proc/self")) == false {
        Terminal.fail(
          "/proc is not there, which threads are counted by; in a chroot, mount it: mount -t proc proc /proc")
      }
    #endif
  }

  /// Ends the process with what the parser says: help and the like, or what is wrong with a command line.
  private static func end(with code: ExitCode, saying text: String) -> Never {
    guard !code.isSuccess else {
      do throws(FileError) {
        if !text.isEmpty { try StandardOutput.writeLine(text) }
      } catch {
        Terminal.fail(error, isVerbose: false)
      }
      StandardError.end(code: code.rawValue)
    }
    // It repeats words of the command line, which may come from anywhere.
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }
    if !text.isEmpty { StandardError.write(lines.joined(separator: "\n") + "\n") }
    StandardError.end(code: code.rawValue)
  }
}
