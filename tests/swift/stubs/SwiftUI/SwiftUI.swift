@_exported import CoreGraphics

#if canImport(UIKit)
    @_exported import UIKit
#endif

@resultBuilder
public enum ViewBuilder {
    public static func buildBlock() -> EmptyView { EmptyView() }
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock<each Content: View>(_ content: repeat each Content) -> TupleView {
        TupleView()
    }
    public static func buildOptional<Content: View>(_ content: Content?) -> Content? { content }
    public static func buildEither<First: View, Second: View>(first: First) -> StubEither<First, Second> {
        StubEither()
    }
    public static func buildEither<First: View, Second: View>(second: Second) -> StubEither<First, Second> {
        StubEither()
    }
}

@MainActor
public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

extension Never: View {
    public var body: Never { fatalError("not stubbed") }
}

public protocol StubPrimitive: View where Body == Never {}

extension StubPrimitive {
    public var body: Never { fatalError("not stubbed") }
}

public struct EmptyView: StubPrimitive {
    public nonisolated init() {}
}

public struct TupleView: StubPrimitive {
    nonisolated init() {}
}

public struct StubModified: StubPrimitive {}

public struct StubEither<First: View, Second: View>: StubPrimitive {
    nonisolated init() {}
}

extension Optional: View where Wrapped: View {
    public var body: Never { fatalError("not stubbed") }
}

public struct Alignment: Sendable {
    public static let bottom = Alignment()
}

public struct ZStack: StubPrimitive {
    public init<Content: View>(alignment: Alignment, @ViewBuilder content: () -> Content) {}
}

public struct Text: StubPrimitive {
    public init(_ content: String) {}
}

public struct Font: Sendable {
    public static let footnote = Font()
    public func monospacedDigit() -> Font { self }
}

public protocol ShapeStyle {}

public struct Material: ShapeStyle {}

extension ShapeStyle where Self == Material {
    public static var thinMaterial: Material { Material() }
}

extension View {
    public func font(_ font: Font?) -> some View { StubModified() }
    public func padding(_ length: CGFloat) -> some View { StubModified() }
    public func background<S: ShapeStyle>(_ style: S) -> some View { StubModified() }
    public func ignoresSafeArea() -> some View { StubModified() }
    public func allowsHitTesting(_ enabled: Bool) -> some View { StubModified() }
    public func accessibilityHidden(_ hidden: Bool) -> some View { StubModified() }
    public func task(_ action: @escaping @Sendable @MainActor () async -> Void) -> some View { StubModified() }
}

public struct Color: Sendable {
    public static let green = Color()
    public static let yellow = Color()
}

public struct Path: Sendable {
    public init(_ rect: CGRect) {}
    public init(roundedRect rect: CGRect, cornerRadius: CGFloat) {}
    public init(ellipseIn rect: CGRect) {}
}

public struct GraphicsContext {
    public struct Shading {
        public static func color(_ color: Color) -> Shading { Shading() }
    }

    public mutating func translateBy(x: CGFloat, y: CGFloat) {}
    public mutating func scaleBy(x: CGFloat, y: CGFloat) {}
    public func stroke(_ path: Path, with shading: Shading, lineWidth: CGFloat = 1) {}
    public func fill(_ path: Path, with shading: Shading) {}
}

public struct Canvas: StubPrimitive {
    public init(renderer: @escaping (inout GraphicsContext, CGSize) -> Void) {}
}

@MainActor
public protocol Scene {}

public struct WindowGroup: Scene {
    public init<Content: View>(@ViewBuilder content: () -> Content) {}
}

@MainActor
public protocol App {
    associatedtype Body: Scene
    var body: Body { get }
    init()
}

extension App {
    public static func main() {}
}

public protocol ObservableObject: AnyObject {}

@propertyWrapper
public struct Published<Value> {
    public var wrappedValue: Value
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}

@MainActor
@propertyWrapper
public struct StateObject<Object: ObservableObject> {
    public let wrappedValue: Object
    public init(wrappedValue: @autoclosure @escaping () -> Object) { self.wrappedValue = wrappedValue() }
}

#if canImport(UIKit)
    public struct UIViewRepresentableContext<Representable> {}

    @MainActor
    public protocol UIViewRepresentable: View where Body == Never {
        associatedtype UIViewType: UIView
        typealias Context = UIViewRepresentableContext<Self>
        func makeUIView(context: Context) -> UIViewType
        func updateUIView(_ view: UIViewType, context: Context)
    }

    extension UIViewRepresentable {
        public var body: Never { fatalError("not stubbed") }
    }
#endif
