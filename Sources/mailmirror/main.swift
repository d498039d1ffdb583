import ChildProcesses
import CommandLineTool
import Glibc
import LinuxFiles

// A daemon that is asked to end before it has begun has nothing to put in order.
if CommandLine.arguments.dropFirst().contains("daemon") {
  for number in [SIGTERM, SIGINT] { signal(number) { _ in _exit(0) } }
  signal(SIGHUP, SIG_IGN)
}
// Before anything secret is read.
MemorySecrecy.enforce()
let status = await runMailmirror(Array(CommandLine.arguments.dropFirst()))
RunningChildren.shared.endAll()
exit(status.rawValue)
