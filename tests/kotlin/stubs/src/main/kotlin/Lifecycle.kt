@file:Suppress("UNUSED_PARAMETER")

package androidx.lifecycle

public interface ViewModelStoreOwner

public abstract class ViewModel {
    protected open fun onCleared(): Unit = TODO()
}

public open class ViewModelProvider(owner: ViewModelStoreOwner) {
    public open operator fun <T : ViewModel> get(modelClass: Class<T>): T = TODO()
}
