import SwiftUI

@main
struct FaceOverlayApp: App {
    var body: some Scene {
        WindowGroup { CameraScreen() }
    }
}
