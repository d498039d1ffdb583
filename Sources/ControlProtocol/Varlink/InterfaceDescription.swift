/// The texts that `GetInterfaceDescription` serves.
package enum InterfaceDescription {
  package static let mirrorName = "io.mailmirror.Mirror"
  package static let serviceName = "org.varlink.service"

  /// `io.mailmirror.Mirror.varlink`, as it stands beside this source.
  package static let mirror = String(decoding: PackageResources.io_mailmirror_Mirror_varlink, as: UTF8.self)

  /// The interface that every varlink service has (varlink.org, Service).
  package static let service = """
    # Describes a service and the interfaces that it has.
    interface org.varlink.service

    method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)

    method GetInterfaceDescription(interface: string) -> (description: string)

    error InterfaceNotFound (interface: string)
    error MethodNotFound (method: string)
    error MethodNotImplemented (method: string)
    error InvalidParameter (parameter: string)
    error PermissionDenied ()
    error ExpectedMore ()

    """
}
