import Foundation
import JSON
import Synchronization
import TestSupport
import Testing

/// Models that are elsewhere, as people use them: what comes of them is what comes of the same files here.
@Suite struct RemoteTests {
  /// The files of a folder, by their paths on a server.
  private static func files(of folder: String, at place: String) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      files[place + name] = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
    }
    return files
  }

  private static func succeed(_ arguments: [String], environment: [String: String] = [:]) throws -> Command.Result {
    let result = try Command.run(arguments, environment: environment)
    try #require(result.exitCode == 0, "\(arguments): \(result.errors)")
    return result
  }

  @Test(arguments: [["convert"], ["quantize", "--type", "q4_k_m"], ["quantize", "--type", "nf4"]])
  func anOutputIsTheSameAsOfFilesHere(_ job: [String]) throws {
    let folder = try TemporaryFolder()
    let server = try LoopbackServer(files: try Self.files(of: TinyLlama.path, at: "/m/"))
    let name = job.contains("nf4") ? "" : ".gguf"
    for (source, output) in [(TinyLlama.path, "here"), (server.address + "/m/", "there")] {
      _ = try Self.succeed(
        [job[0], source, folder.file(output + name)] + job.dropFirst() + ["--no-provenance", "--threads", "3"])
    }
    if name.isEmpty {
      #expect(try Self.files(of: folder.file("here"), at: "") == Self.files(of: folder.file("there"), at: ""))
    } else {
      #expect(try folder.read("here.gguf") == folder.read("there.gguf"))
    }
    #expect(server.requests.allSatisfy { $0.fields["authorization"] == nil })
  }

  @Test func anOutputSaysWhereItsSourceCameFromAndIsRebuilt() throws {
    let folder = try TemporaryFolder()
    let server = try LoopbackServer(files: try Self.files(of: TinyLlama.path, at: "/m/"))
    let result = try Self.succeed(["convert", server.address + "/m/", folder.file("o.gguf")])
    #expect(result.errors.contains("fetched 7."), "\(result.errors)")
    let text = String(decoding: try folder.read("o.gguf"), as: UTF8.self)
    #expect(text.contains("\(server.address)/m/model-00001-of-00002.safetensors etag:"))
    for source in [TinyLlama.path, server.address + "/m/"] {
      _ = try Self.succeed(["rebuild", folder.file("o.gguf"), "--from", source])
    }
  }

  @Test("What is secret in an address is in nothing that is said or written")
  func secretsDoNotLeak() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("convert", TinyLlama.path, folder.file("m.gguf"))
    let bytes = try folder.read("m.gguf")
    let server = try LoopbackServer { request in
      guard request.target.hasSuffix("?key=s3cret"), request.fields["authorization"] != nil else { return .init(403) }
      return request.path == "/m.gguf" ? .file(bytes, to: request) : .init(404)
    }
    let good = "http://user:pa55word@127.0.0.1:\(server.port)/m.gguf?key=s3cret"
    let bad = "http://user:pa55word@127.0.0.1:\(server.port)/none.gguf?key=s3cret"
    let runs = try [
      Command.run(["convert", good, folder.file("o.gguf"), "--verbose"]),
      Command.run(["inspect", good, "--json"]), Command.run(["hash", good]), Command.run(["inspect", bad]),
      Command.run(["inspect", good, "--unknown"]), Command.run(["convert", good]),
      Command.run(["convert", TinyLlama.path, good]), Command.run(["edit", good, "--set", "a=b"]),
      Command.run(["quantize", TinyLlama.path, folder.file("p.gguf"), "--type", "q4_k_m", "--imatrix=\(bad)"]),
    ]
    #expect(runs.map(\.exitCode) == [0, 0, 0, 1, 64, 64, 64, 1, 1])
    let written = try folder.read("o.gguf")
    for secret in ["pa55word", "s3cret"] {
      for run in runs { #expect(!run.output.contains(secret) && !run.errors.contains(secret), "\(run)") }
      #expect(!String(decoding: written, as: UTF8.self).contains(secret))
    }
    #expect(try folder.names().filter { $0.hasPrefix(".") }.isEmpty)
  }

  @Test func nothingIsWrittenElsewhere() throws {
    let server = try LoopbackServer(files: [:])
    for output in [server.address + "/o.gguf", "s3://bucket/o.gguf", "hf://org/name"] {
      let result = try Command.run("convert", TinyLlama.path, output)
      #expect(result.exitCode == 64 && result.errors.contains("on this machine"), "\(result.errors)")
    }
    #expect(server.requests.isEmpty)
  }

  @Test("A job that was stopped goes on, with the same file; with another it starts over, and one under way ends")
  func stoppedJobs() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint { model in
      (model.hidden, model.inner, model.layers, model.vocabulary) = (512, 1024, 4, 512)
    }.write(to: folder.file("model"))
    let files = try Self.files(of: model, at: "/m/")
    let breaks = Mutex(true)
    let tag = Mutex("\"a\"")
    let server = try LoopbackServer { request in
      guard let bytes = files[request.path] else { return .init(404) }
      let reply = LoopbackServer.Reply.file(bytes, tag: tag.withLock { $0 }, to: request)
      // The last part is refused.
      let isLast = request.path.hasSuffix(".safetensors") && (request.range?.upperBound ?? 0) >= bytes.count - 1
      return breaks.withLock { $0 } && isLast ? .init(403) : reply
    }
    let job = ["quantize", server.address + "/m/", folder.file("o.gguf"), "--type", "q8_0", "--threads", "1"]
    let broken = try Command.run(job)
    #expect(broken.exitCode == 1 && broken.errors.contains("HTTP 403"), "\(broken.errors)")
    breaks.withLock { $0 = false }
    let again = try Self.succeed(job)
    #expect(again.errors.contains("going on with an earlier run"), "\(again.errors)")
    _ = try Self.succeed(["quantize", model, folder.file("p.gguf"), "--type", "q8_0", "--no-provenance"])
    _ = try Self.succeed(["rebuild", folder.file("o.gguf"), "--from", model])

    breaks.withLock { $0 = true }
    _ = try Command.run(job + ["--force"])
    breaks.withLock { $0 = false }
    tag.withLock { $0 = "\"b\"" }
    let other = try Self.succeed(job + ["--force"])
    #expect(!other.errors.contains("going on with an earlier run"), "\(other.errors)")
  }

  @Test func anExistingPathWinsOverAModelOfTheHub() throws {
    let folder = try TemporaryFolder()
    let server = try LoopbackServer { _ in .init(404) }
    let environment = ["HF_ENDPOINT": server.address, "HOME": folder.path]
    // A name that is nothing here is asked for; that of a file that is missing is not.
    let asked = try Command.run(["inspect", "no-such/model"], environment: environment)
    #expect(asked.exitCode == 1 && asked.errors.contains("hf://no-such/model@main"), "\(asked.errors)")
    #expect(server.requests.map(\.target) == ["/api/models/no-such/model/revision/main"])
    for word in ["no-such/model.gguf", "./no-such/model", "no-such/model/", "/no-such/model", "no-such"] {
      let result = try Command.run(["inspect", word], environment: environment)
      #expect(result.exitCode == 1 && result.errors.contains("no such file or folder"), "\(result.errors)")
    }
    _ = try Command.run(["tokenize", TinyLlama.path, "--text", "no-such/text"], environment: environment)
    #expect(server.requests.count == 1)
  }

  @Test("Where standard output is closed, nothing that is meant for it goes to a server")
  func aClosedOutputIsNoConnection() throws {
    let server = try LoopbackServer(files: try Self.files(of: TinyLlama.path, at: "/m/"))
    let result = try Command.shell("decant inspect '\(server.address)/m/' >&-")
    #expect(result.exitCode == 1 && result.errors.contains("standard output"), "\(result.errors)")
    #expect(server.requests.allSatisfy { $0.method == "GET" })
  }

  @Test func aWebPageIsNoModel() throws {
    let page = Array("<!DOCTYPE html><html>Sign in</html>".utf8)
    let server = try LoopbackServer { .file(page, to: $0) }
    for path in ["/model.gguf", "/model/"] {
      try Command.expectFailure(["inspect", server.address + path], mentions: ["web page"])
    }
  }
}
