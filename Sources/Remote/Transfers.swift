internal import Bytes
internal import CCurl
internal import Dispatch
internal import Synchronization

/// Requests under way, by libcurl: several at a time, over connections that are kept, with retries. One thread drives them all.
@safe final class Transfers: Sendable {
  typealias Outcome = Result<Response, FileError>

  /// Where certificates of authorities are, other than where libcurl looks; and what the program calls itself.
  struct Settings: Sendable {
    var certificates: String?
    var certificateFolder: String?
    var agent = "decant"
    var patience = Patience()
  }

  /// A request that waits, or is under way.
  private struct Job: Sendable {
    let request: Request
    let isUrgent: Bool
    let completion: @Sendable (Outcome) -> Void
    var attempt = 1
    var notBefore = ContinuousClock.now
  }

  private struct State {
    var waiting: [Job] = []
    /// nil before the first request: what asks for nothing has nothing to do with libcurl.
    var multi: Multi?
  }

  /// libcurl's own lock guards what other threads do with it, which is to wake its thread.
  @safe private struct Multi: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer?

    init() {
      curl_global_init(Int(CURL_GLOBAL_DEFAULT))
      unsafe handle = curl_multi_init()
      unsafe decant_curl_set_multi_number(handle, CURLMOPT_MAX_TOTAL_CONNECTIONS, Transfers.mostActive)
    }
  }

  /// Requests that are under way at most.
  static let mostActive = 8

  private let settings: Settings
  private let state = Mutex(State())
  private let received = Atomic<Int>(0)
  private let requests = Atomic<Int>(0)

  init(_ settings: Settings) {
    self.settings = settings
  }

  /// Bytes of answers so far.
  var receivedByteCount: Int { received.load(ordering: .relaxed) }
  /// Requests so far, repeated ones included.
  var requestCount: Int { requests.load(ordering: .relaxed) }

  /// Begins a request. `completion` is called on the thread of all transfers, and should be quick.
  /// - Parameter isUrgent: whether somebody waits for it.
  func begin(_ request: Request, isUrgent: Bool = true, completion: @escaping @Sendable (Outcome) -> Void) {
    let (multi, isNew) = state.withLock { state in
      state.waiting.append(Job(request: request, isUrgent: isUrgent, completion: completion))
      if let multi = state.multi { return (multi, false) }
      let multi = Multi()
      state.multi = multi
      return (multi, true)
    }
    if isNew {
      DispatchQueue(label: "transfers", qos: .userInitiated).async { self.run(multi) }
    } else {
      _ = unsafe curl_multi_wakeup(multi.handle)
    }
  }

  /// Answers to several requests, in their order; for callers that wait.
  func outcomes(of all: [Request]) throws(FileError) -> [Outcome] {
    let pendings = all.map { request in
      let pending = Pending<Outcome>()
      begin(request) { pending.set($0) }
      return pending
    }
    var outcomes: [Outcome] = []
    for (pending, request) in zip(pendings, all) { outcomes.append(try pending.value(path: request.path)) }
    return outcomes
  }

  /// The answer to a request; for callers that wait.
  func response(to request: Request) throws(FileError) -> Response {
    let pending = Pending<Outcome>()
    begin(request) { pending.set($0) }
    return try pending.value(path: request.path).get()
  }

  // MARK: - The thread

  private func run(_ shared: Multi) {
    let multi = unsafe shared.handle
    var active: [UnsafeMutableRawPointer: (transfer: Transfer, job: Job)] = unsafe [:]
    var reached: Set<Substring> = []
    while true {
      let free = unsafe Self.mostActive - active.count
      for job in due(most: free) {
        requests.wrappingAdd(1, ordering: .relaxed)
        guard let transfer = Transfer(job.request, settings) else {
          job.completion(.failure(FileError(.system, path: job.request.path, "libcurl cannot take the request")))
          continue
        }
        unsafe active[transfer.handle] = (transfer, job)
        unsafe curl_multi_add_handle(multi, transfer.handle)
      }
      var running: Int32 = 0
      _ = unsafe curl_multi_perform(multi, &running)
      var left: Int32 = 0
      var hasEnded = false
      while let message = unsafe curl_multi_info_read(multi, &left) {
        guard unsafe message.pointee.msg == CURLMSG_DONE, let handle = unsafe message.pointee.easy_handle else {
          continue
        }
        let result = unsafe decant_curl_result(message)
        _ = unsafe curl_multi_remove_handle(multi, handle)
        guard let (transfer, job) = unsafe active.removeValue(forKey: handle) else { continue }
        received.wrappingAdd(transfer.receivedByteCount, ordering: .relaxed)
        hasEnded = true
        end(transfer, job, result, &reached)
      }
      if hasEnded { continue }
      _ = unsafe curl_multi_poll(multi, nil, 0, waitMilliseconds(isFull: free <= 0), nil)
    }
  }

  /// Takes requests whose time has come, urgent ones first.
  private func due(most: Int) -> [Job] {
    guard most > 0 else { return [] }
    let now = ContinuousClock.now
    return state.withLock { state in
      var taken: [Job] = []
      for isUrgent in [true, false] {
        var rest: [Job] = []
        for job in state.waiting {
          if taken.count < most, job.isUrgent == isUrgent, job.notBefore <= now {
            taken.append(job)
          } else {
            rest.append(job)
          }
        }
        state.waiting = rest
      }
      return taken
    }
  }

  private func waitMilliseconds(isFull: Bool) -> Int32 {
    guard !isFull, let next = state.withLock({ $0.waiting.map(\.notBefore).min() }) else { return 1000 }
    let left = next - ContinuousClock.now
    return Int32(
      clamping: min(1000, max(1, left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000)))
  }

  /// Hands an answer over, or asks again later.
  private func end(_ transfer: Transfer, _ job: Job, _ result: CURLcode, _ reached: inout Set<Substring>) {
    let server = Self.server(of: job.request.address)
    if transfer.status > 0 { reached.insert(server) }
    let isAnswered = result == CURLE_OK || (transfer.isCut && result == CURLE_WRITE_ERROR)
    let patience = settings.patience
    var wait = patience.wait(beforeAttempt: job.attempt)
    let isTransient: Bool
    if isAnswered {
      isTransient = [408, 429, 500, 502, 503, 504].contains(transfer.status)
      if let asked = transfer.secondsToWait {
        guard .seconds(asked) <= patience.longestWait else {
          return job.completion(.success(transfer.response))
        }
        wait = max(wait, .seconds(asked))
      }
    } else {
      isTransient = Failure.transient.contains(result.rawValue)
    }
    let attempts = isAnswered || reached.contains(server) ? patience.attempts : min(2, patience.attempts)
    if isTransient, job.attempt < attempts {
      var job = job
      job.attempt += 1
      job.notBefore = ContinuousClock.now + wait
      return state.withLock { $0.waiting.append(job) }
    }
    guard isAnswered else {
      return job.completion(.failure(Failure.error(result, job.request, attempts: job.attempt)))
    }
    job.completion(.success(transfer.response))
  }

  /// `https://host:443`.
  static func server(of address: String) -> Substring {
    let slashes = address.indices.filter { address[$0] == "/" }.prefix(3)
    return slashes.count == 3 ? address[..<slashes[2]] : address[...]
  }
}

/// What is said where no answer came.
private enum Failure {
  /// Failures that may be gone the next time.
  static let transient = Set(
    [
      CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_HTTP2, CURLE_PARTIAL_FILE,
      CURLE_OPERATION_TIMEDOUT, CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
      CURLE_HTTP2_STREAM,
    ].map(\.rawValue))

  static func error(_ code: CURLcode, _ request: Request, attempts: Int) -> FileError {
    let times = attempts > 1 ? " (tried \(attempts) times)" : ""
    let message: String
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
      message =
        "the name of the server\(code == CURLE_COULDNT_RESOLVE_PROXY ? " that is the proxy" : "") is not known\(times); is there a network?"
    case CURLE_COULDNT_CONNECT: message = "the server cannot be reached\(times); does it run?"
    case CURLE_OPERATION_TIMEDOUT:
      message = "the server did not answer, or stopped to send, in time\(times); try again later"
    case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_SEND_ERROR:
      message = "the connection broke off before everything was there\(times); try again later"
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR:
      message =
        "the server cannot show that it is who it says: its certificate is of no authority that is known here, or of another "
        + "name; SSL_CERT_FILE names authorities"
    case CURLE_SSL_CONNECT_ERROR: message = "no encrypted connection comes about with the server\(times)"
    case CURLE_TOO_MANY_REDIRECTS: message = "leads on to other addresses more than \(Transfer.mostRedirects) times"
    case CURLE_UNSUPPORTED_PROTOCOL:
      message = "leads on to an address that is not encrypted, or of another kind than HTTP, which is not followed"
    default: message = "cannot be fetched: \(unsafe String(cString: curl_easy_strerror(code)))"
    }
    return FileError(.system, path: request.path, message)
  }
}
