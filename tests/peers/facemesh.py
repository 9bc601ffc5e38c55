"""What MediaPipe's FaceMesh finds: a program for the peer's own interpreter, which has nothing of this project.

python facemesh.py INPUT.json

INPUT.json is {"stills": [{"image": PATH, "faces": N}, …], "video": [PATH, …]}. Prints {"stills": [FACES, …], "video":
[FACES, …]}; a face is 468 × [x, y, z] relative to the image.
"""

import json
import sys
from pathlib import Path

import numpy as np
from mediapipe.python.solutions.face_mesh import FaceMesh
from PIL import Image

Faces = list[list[list[float]]]


def found(mesh: FaceMesh, path: str) -> Faces:
    """Return the faces in one image."""
    with Image.open(path) as image:
        faces = mesh.process(np.array(image.convert("RGB"))).multi_face_landmarks
    return [[[point.x, point.y, point.z] for point in face.landmark] for face in faces or ()]


def main() -> None:
    """Read the input, and print the output."""
    given = json.loads(Path(sys.argv[1]).read_text())
    stills: list[Faces] = []
    for one in given["stills"]:
        with FaceMesh(static_image_mode=True, max_num_faces=one["faces"], refine_landmarks=False) as mesh:
            stills.append(found(mesh, one["image"]))
    with FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=False) as mesh:
        video = [found(mesh, path) for path in given["video"]]
    sys.stdout.write(json.dumps({"stills": stills, "video": video}))


if __name__ == "__main__":
    main()
